// A pull or a push as a terminal shows it, a bar a layer, or as lines where there is no terminal.
#pragma once

#include <string>
#include <vector>

#include "transfer/progress.h"

namespace bolt::cli {

enum class ProgressForm { none, lines, bars };
// Of standard error: bars on a terminal that can move its cursor.
ProgressForm progress_form_of_terminal();

class TransferProgress : public transfer::Progress {
public:
    explicit TransferProgress(ProgressForm form) : form_(form) {}
    ~TransferProgress() override;

    void note(std::string const& text) override;
    void warn(std::string const& text) override;
    void layers(std::vector<Layer> const& layers) override;

private:
    void draw_bars(std::vector<Layer> const& layers);
    void write_changes(std::vector<Layer> const& layers);

    ProgressForm form_;
    std::vector<Layer> shown_;
    std::size_t drawn_ = 0;   // lines on the terminal that are ours
};

// One layer's line, `width` columns wide: pure, for tests.
std::string bar_of(transfer::Progress::Layer const& layer, std::size_t width);
// The same as a sentence, for lines.
std::string sentence_of(transfer::Progress::Layer const& layer);

} // namespace bolt::cli
