// The monitor's ends of a container's standard streams: pipes, or the master of its terminal. One object a run.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "monitor/log_writer.h"
#include "sys/event_loop.h"
#include "sys/fd.h"

namespace bolt::monitor {

enum class InputPolicy {
    none, // /dev/null; with a terminal: what clients send is dropped
    open, // a pipe that stays open while nobody writes
};

// What the container's init gets; closed by the caller once it is made.
struct ContainerEnds {
    UniqueFd input, output, error;
};

class Streams {
public:
    struct Events {
        // A piece of output. The text's first byte is free, for a message's type; the output follows it.
        std::function<void(std::span<char> message, Stream)> output;
        std::function<void()> room_for_input; // put_input takes more again
        std::function<void()> ended;          // after finish(): every byte was handed out
    };
    Streams(EventLoop& loop, Events events) : loop_(loop), events_(std::move(events)) {}
    ~Streams() { close(); }
    Streams(Streams const&) = delete;

    // New pipes (with a terminal only /dev/null: the terminal comes with take_console).
    enum class Kind { pipes, terminal };
    Result<ContainerEnds> open(Kind kind, InputPolicy input);
    Result<void> take_console(UniqueFd console);
    // Starts to read.
    Result<void> begin();

    void set_paused(bool paused); // output is not read while paused

    // Bytes for the container. False when some of them wait: nothing more until room_for_input, please. What nobody reads
    // any more is dropped.
    [[nodiscard]] bool put_input(std::string_view bytes);
    void end_input(); // after what waits; a terminal has no end of input
    void resize(unsigned short rows, unsigned short columns);

    // Init has ended: hands out what is left, paused or not. A process outside the container that still holds the other
    // end is not waited for longer than `longest_wait_at_end`.
    static constexpr std::chrono::milliseconds longest_wait_at_end{250};
    void finish();
    void close();

private:
    static constexpr std::chrono::milliseconds longest_rest{100};
    struct Source {
        UniqueFd fd;
        Stream stream = Stream::output;
    };
    void update(Source& source);
    bool read_once(Source& source); // false: nothing there, or the end
    void rest();
    void close_source(Source& source);
    void close_input();
    void write_pending();
    void end_if_drained();
    FdRef input_fd() const;

    EventLoop& loop_;
    Events events_;
    Source output_, error_;     // with a terminal: output_ is its master
    UniqueFd input_;            // the pipe's write end
    bool terminal_ = false, takes_input_ = false, paused_ = false, finishing_ = false, input_ends_ = false;
    std::string pending_;       // input that the container has not taken yet
    EventLoop::TimerId patience_ = 0, rest_timer_ = 0;
    bool resting_ = false; // nobody has the terminal open: it is looked at again after longest_rest
};

} // namespace bolt::monitor
