// bolt-transfer "store check".
#include <unistd.h>

#include "base/text.h"
#include "cli/output.h"
#include "cli/store_options.h"
#include "cli/transfer_command.h"
#include "cli/transfer_progress.h"
#include "transfer/check.h"

namespace bolt::cli {

namespace {

Result<int> check(StoreCheckWords const& words) {
    auto const layout = TRY(store::Layout::of_calling_user());
    TRY(layout.prepare());
    auto options = TRY(options_from_settings());
    auto const owners = geteuid() == 0 ? image::UnmappedIds::refuse : image::UnmappedIds::give_to_user;
    auto const entry = TRY(prepare_transfer(layout));
    options.unmapped_ids = entry.shortage ? image::UnmappedIds::give_to_user : image::UnmappedIds::refuse;
    options.cancelled = is_interrupted;
    TransferProgress progress(ProgressForm::none);
    auto const checked = TRY(transfer::check_store(layout, words.repairs ? transfer::Repair::yes : transfer::Repair::no, owners, options, progress));
    std::size_t mended = 0;
    for (auto const& damage : checked.damages) {
        mended += damage.is_mended ? 1 : 0;
        TRY(print(without_controls(damage.text) + "\n")); // it names files of images
    }
    for (auto const& error : checked.errors) say(fmt::format("store check: {}", error.text()));
    TRY(print(fmt::format("{} images, {} layers, {} packed layers: {} damaged, {} mended\n", checked.images, checked.layers, checked.packed, checked.damages.size(), mended)));
    return checked.damages.size() == mended && checked.errors.empty() ? 0 : 1;
}

int perform_check(Command const& command, Words const& arguments) {
    StoreCheckWords words;
    Words names;
    if (auto const answered = read_transfer_words(command, arguments, &words, names)) return *answered;
    auto const outcome = check(words);
    if (outcome) return outcome.value();
    say(fmt::format("{}: {}", command.name, outcome.error().text()));
    return outcome.error().is(ECANCELED) ? 130 : command.failure;
}

} // namespace

constexpr Command transfer_store_check_command{"store check", "", "Verify that images are what was pulled", store_check_options, 0, 0, OptionsEnd::nowhere, Names::nothing, perform_check};

} // namespace bolt::cli
