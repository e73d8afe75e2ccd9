#include "cli/transfer_progress.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/output.h"

namespace bolt::cli {

namespace {

using State = transfer::Progress::LayerState;

std::size_t terminal_width() {
    winsize size{};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 40) return 80;
    return size.ws_col;
}

std::size_t terminal_height() {
    winsize size{};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row < 4) return 24;
    return size.ws_row;
}

// What cannot be written to a progress display is lost, and nothing depends on it: ignoring.
void put(std::string const& text) {
    fwrite(text.data(), 1, text.size(), stderr);
    fflush(stderr);
}

std::string holder_of(transfer::Progress::Layer const& layer) { return layer.holder ? fmt::format("process {}", *layer.holder) : "another process"; }

} // namespace

ProgressForm progress_form_of_terminal() {
    if (!isatty(STDERR_FILENO)) return ProgressForm::lines;
    auto const* terminal = getenv("TERM");
    bool const can_move = terminal && *terminal && std::string_view(terminal) != "dumb";
    return can_move ? ProgressForm::bars : ProgressForm::lines;
}

std::string bar_of(transfer::Progress::Layer const& layer, std::size_t width) {
    switch (layer.state) {
    case State::waiting: return fmt::format("{}: waiting", layer.name);
    case State::unpacking: return fmt::format("{}: unpacking", layer.name);
    case State::packing: return fmt::format("{}: packing", layer.name);
    case State::mounted: return fmt::format("{}: taken over from another repository", layer.name);
    case State::done: return fmt::format("{}: done {}", layer.name, format_bytes({layer.total}));
    case State::there_already: return fmt::format("{}: already there", layer.name);
    case State::elsewhere: return fmt::format("{}: {} downloads it", layer.name, holder_of(layer));
    case State::downloading:
    case State::uploading: break;
    }
    auto const amounts = fmt::format(" {}/{}", format_bytes({layer.moved}), format_bytes({layer.total}));
    auto const room = width > 24 + layer.name.size() + amounts.size() ? width - layer.name.size() - amounts.size() - 6 : 10;
    auto const length = std::min<std::size_t>(room, 50);
    auto const filled = layer.total == 0 ? length : static_cast<std::size_t>(static_cast<double>(length) * static_cast<double>(layer.moved) / static_cast<double>(layer.total));
    return fmt::format("{}: [{}{}]{}", layer.name, std::string(std::min(filled, length), '='), std::string(length - std::min(filled, length), ' '), amounts);
}

std::string sentence_of(transfer::Progress::Layer const& layer) {
    switch (layer.state) {
    case State::waiting: return "";
    case State::downloading: return fmt::format("layer {}: downloading {}", layer.name, format_bytes({layer.total}));
    case State::unpacking: return fmt::format("layer {}: downloaded, unpacking", layer.name);
    case State::packing: return fmt::format("layer {}: packing", layer.name);
    case State::uploading: return fmt::format("layer {}: uploading {}", layer.name, format_bytes({layer.total}));
    case State::mounted: return fmt::format("layer {}: taken over from another repository", layer.name);
    case State::done: return fmt::format("layer {}: done", layer.name);
    case State::there_already: return fmt::format("layer {}: already there", layer.name);
    case State::elsewhere: return fmt::format("layer {}: waiting for {}, which downloads it", layer.name, holder_of(layer));
    }
    return "";
}

TransferProgress::~TransferProgress() = default;

void TransferProgress::note(std::string const& text) {
    if (form_ == ProgressForm::none) return;
    put((drawn_ > 0 ? "\033[J" : "") + text + "\n");
    // What was drawn scrolls up and stays; the next drawing begins below it.
    drawn_ = 0;
}

void TransferProgress::warn(std::string const& text) {
    drawn_ = 0;
    cli::warn(text);
}

void TransferProgress::layers(std::vector<Layer> const& layers) {
    if (form_ == ProgressForm::bars) draw_bars(layers);
    if (form_ == ProgressForm::lines) write_changes(layers);
    shown_ = layers;
}

void TransferProgress::draw_bars(std::vector<Layer> const& layers) {
    auto const width = terminal_width();
    // What is over gives its line to what is not, when there are more layers than lines.
    std::vector<Layer const*> chosen;
    for (auto const& layer : layers) chosen.push_back(&layer);
    auto const most = terminal_height() - 2;
    for (auto it = chosen.begin(); chosen.size() > most && it != chosen.end();)
        it = (*it)->state == State::done || (*it)->state == State::there_already || (*it)->state == State::waiting ? chosen.erase(it) : it + 1;
    if (chosen.size() > most) chosen.resize(most);
    std::string text = drawn_ > 0 ? fmt::format("\033[{}A", drawn_) : "";
    for (auto const* layer : chosen) text += "\r" + shortened(bar_of(*layer, width), width - 1) + "\033[K\n";
    put(text + "\033[J");
    drawn_ = chosen.size();
}

void TransferProgress::write_changes(std::vector<Layer> const& layers) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
        bool const changed = i >= shown_.size() || shown_[i].state != layers[i].state;
        auto const sentence = changed ? sentence_of(layers[i]) : "";
        if (!sentence.empty()) put(sentence + "\n");
    }
}

} // namespace bolt::cli
