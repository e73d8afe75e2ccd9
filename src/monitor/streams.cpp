#include "monitor/streams.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sys/terminal.h"

namespace bolt::monitor {

Result<ContainerEnds> Streams::open(Kind kind, InputPolicy input) {
    terminal_ = kind == Kind::terminal;
    takes_input_ = input == InputPolicy::open;
    ContainerEnds ends;
    if (terminal_ || !takes_input_) ends.input = TRY(open_null());
    if (terminal_) {
        ends.output = TRY(open_null());
        ends.error = TRY(open_null());
        return ends;
    }
    if (takes_input_) {
        auto pipe = TRY(make_pipe());
        TRY(set_nonblocking(pipe.write_end));
        ends.input = std::move(pipe.read_end);
        input_ = std::move(pipe.write_end);
    }
    auto output = TRY(make_pipe());
    auto error = TRY(make_pipe());
    TRY(set_nonblocking(output.read_end));
    TRY(set_nonblocking(error.read_end));
    output_ = {std::move(output.read_end), Stream::output};
    error_ = {std::move(error.read_end), Stream::error_output};
    ends.output = std::move(output.write_end);
    ends.error = std::move(error.write_end);
    return ends;
}

Result<void> Streams::take_console(UniqueFd console) {
    TRY(set_nonblocking(console));
    output_ = {std::move(console), Stream::output};
    return {};
}

Result<void> Streams::begin() {
    for (auto* const source : {&output_, &error_})
        if (source->fd.is_open()) TRY(loop_.watch(source->fd, EPOLLIN, [this, source](std::uint32_t events) {
            if ((events & EPOLLOUT) != 0) write_pending();
            if (source->fd.is_open() && (events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read_once(*source);
        }));
    // Without interest in events: the reader's end is noticed when something is written.
    if (input_.is_open()) TRY(loop_.watch(input_, 0, [this](std::uint32_t) { write_pending(); }));
    return {};
}

// Interest follows from what there is to do: read unless paused, and write to a terminal while input waits.
void Streams::update(Source& source) {
    if (!source.fd.is_open()) return;
    if (resting_ && &source == &output_) return loop_.change(source.fd, 0);
    bool const writes = terminal_ && &source == &output_ && !pending_.empty();
    loop_.change(source.fd, (paused_ && !finishing_ ? 0U : EPOLLIN) | (writes ? EPOLLOUT : 0U));
}

void Streams::set_paused(bool paused) {
    if (paused_ == paused) return;
    paused_ = paused;
    update(output_);
    update(error_);
}

bool Streams::read_once(Source& source) {
    char message[1 + 32 * 1024]; // the first byte is the message's type
    auto const count = read_some(source.fd, {message + 1, sizeof message - 1});
    if (!count && count.error().is(EAGAIN)) return false;
    // EIO: nobody has the terminal open, and somebody may open it again, as init does with /dev/console.
    if (!count && count.error().is(EIO) && terminal_ && !finishing_) {
        rest();
        return false;
    }
    if (!count || count.value() == 0) {
        close_source(source);
        end_if_drained();
        return false;
    }
    events_.output({message, 1 + count.value()}, source.stream);
    return source.fd.is_open();
}

void Streams::rest() {
    resting_ = true;
    update(output_);
    rest_timer_ = loop_.after(longest_rest, [this] {
        rest_timer_ = 0;
        resting_ = false;
        update(output_);
    });
}

void Streams::close_source(Source& source) {
    if (!source.fd.is_open()) return;
    loop_.forget(source.fd);
    source.fd.close();
}

FdRef Streams::input_fd() const { return terminal_ ? FdRef(output_.fd) : FdRef(input_); }

bool Streams::put_input(std::string_view bytes) {
    if (!takes_input_ || input_ends_ || !input_fd().is_open()) return true;
    pending_ += bytes;
    write_pending();
    return pending_.empty();
}

void Streams::write_pending() {
    auto const fd = input_fd();
    std::size_t written = 0;
    bool lost = !fd.is_open();
    while (!lost && written < pending_.size()) {
        auto const count = ::write(fd.number(), pending_.data() + written, pending_.size() - written);
        if (count >= 0) written += static_cast<std::size_t>(count);
        else if (errno == EAGAIN) break;
        else if (errno != EINTR) lost = true; // EPIPE: the container closed its input
    }
    bool const waited = !pending_.empty();
    pending_.erase(0, lost ? pending_.size() : written);
    if (lost && !terminal_) close_input();
    if (terminal_) update(output_);
    else if (input_.is_open()) loop_.change(input_, pending_.empty() ? 0U : EPOLLOUT);
    if (!pending_.empty() || !waited) return;
    std::string().swap(pending_);
    if (input_ends_) close_input();
    events_.room_for_input();
}

void Streams::end_input() {
    input_ends_ = !terminal_;
    if (input_ends_ && pending_.empty()) close_input();
}

void Streams::close_input() {
    if (!input_.is_open()) return;
    loop_.forget(input_);
    input_.close();
}

void Streams::resize(unsigned short rows, unsigned short columns) {
    if (!terminal_ || !output_.fd.is_open()) return;
    (void)set_window_size(output_.fd, {rows, columns}).ok(); // a terminal that is gone needs no size, ignoring
}

void Streams::finish() {
    finishing_ = true;
    resting_ = false;
    loop_.cancel(rest_timer_);
    close_input();
    // Bounded: somebody outside may go on writing for ever. A pipe holds at most 1 MiB unless its owner is privileged.
    for (auto* const source : {&output_, &error_})
        for (int pieces = 0; pieces < 64 && source->fd.is_open() && read_once(*source); ++pieces) {
        }
    end_if_drained();
    if (!finishing_) return;
    update(output_);
    update(error_);
    patience_ = loop_.after(longest_wait_at_end, [this] {
        patience_ = 0;
        close_source(output_);
        close_source(error_);
        end_if_drained();
    });
}

void Streams::end_if_drained() {
    if (!finishing_ || output_.fd.is_open() || error_.fd.is_open()) return;
    finishing_ = false;
    loop_.cancel(patience_);
    // From the loop, since `ended` may destroy this object.
    patience_ = loop_.after(std::chrono::milliseconds(0), [this] {
        patience_ = 0;
        auto const ended = events_.ended;
        ended();
    });
}

void Streams::close() {
    loop_.cancel(patience_);
    loop_.cancel(rest_timer_);
    finishing_ = false;
    close_source(output_);
    close_source(error_);
    close_input();
    std::string().swap(pending_);
}

} // namespace bolt::monitor
