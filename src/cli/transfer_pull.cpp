// bolt-transfer pull.
#include "cli/output.h"
#include "cli/push_options.h"
#include "cli/push_words.h"
#include "cli/transfer_command.h"
#include "cli/transfer_progress.h"
#include "image/platform.h"
#include "sys/own_program.h"
#include "sys/process.h"
#include "transfer/oci_layout.h"
#include "transfer/policy.h"
#include "transfer/pull.h"
#include "transfer/search.h"

namespace bolt::cli {

namespace {

struct PullWords {
    std::optional<spec::ImagePlatform> platform;
    transfer::TlsVerify verify = transfer::TlsVerify::yes;
    transfer::PullPolicy policy = transfer::PullPolicy::always;
    bool all_tags = false, quiet = false;
    std::optional<int> report_fd;
    std::optional<HostPath> credentials_file, data, runtime, policy_file;
    std::optional<transfer::Credentials> credentials;
    std::chrono::seconds stall_timeout{30};
};

Result<transfer::TlsVerify> parse_verify(std::string_view value) {
    if (value != "true" && value != "false") return Error::of(EINVAL, "'{}' is neither true nor false", value);
    return value == "true" ? transfer::TlsVerify::yes : transfer::TlsVerify::no;
}

Result<transfer::PullPolicy> parse_policy(std::string_view value) {
    if (value == "always") return transfer::PullPolicy::always;
    if (value == "missing") return transfer::PullPolicy::missing;
    if (value == "never") return transfer::PullPolicy::never;
    if (value == "newer") return transfer::PullPolicy::newer;
    return Error::of(EINVAL, "'{}' is no pull policy; there are always, missing, never and newer", value);
}

Result<int> parse_descriptor(std::string_view value) {
    auto const number = TRY(parse_unsigned(value));
    if (number < 3 || number > 1023) return Error::of(EINVAL, "'{}' is no descriptor beside the standard ones", value);
    return static_cast<int>(number);
}

Result<std::chrono::seconds> parse_seconds(std::string_view value) {
    auto const seconds = TRY(parse_unsigned(value));
    if (seconds == 0 || seconds > 3600) return Error::of(EINVAL, "'{}' is not between 1 and 3600 seconds", value);
    return std::chrono::seconds(seconds);
}

using ToPull = Set<PullWords>;
constexpr Option pull_options[] = {
    {"all-tags", 'a', "", "Pull all tags of the repository", ToPull::flag<&PullWords::all_tags>},
    {"authfile", 0, "file", "Read the login from this file", ToPull::parsed<&PullWords::credentials_file, HostPath::absolute>, offers_files},
    {"creds", 0, "user:password", "Log in so, for this once", ToPull::parsed<&PullWords::credentials, parse_credentials>},
    {"platform", 0, "string", "Take the image for this OS/ARCHITECTURE[/VARIANT]", ToPull::parsed<&PullWords::platform, image::parse_platform>},
    {"policy", 0, "string", "When to ask the registry: always (default), when the image is missing here, never, or newer (what is here serves when it cannot be had)", ToPull::parsed<&PullWords::policy, parse_policy>, "always missing never newer"},
    {"quiet", 'q', "", "Print only the image's name", ToPull::flag<&PullWords::quiet>},
    {"report-fd", 0, "number", "Write the image's name to this descriptor, or why it failed, for a caller who tells it", ToPull::parsed<&PullWords::report_fd, parse_descriptor>},
    {"signature-policy", 0, "file", "The policy that says what is taken, instead of policy.json", ToPull::parsed<&PullWords::policy_file, HostPath::absolute>, offers_files},
    {"stall-timeout", 0, "seconds", "Give a connection up that has sent nothing for so long", ToPull::parsed<&PullWords::stall_timeout, parse_seconds>},
    {"store-data", 0, "dir", "Where images are kept", ToPull::parsed<&PullWords::data, HostPath::absolute>, offers_files},
    {"store-runtime", 0, "dir", "Where state that a reboot ends is kept", ToPull::parsed<&PullWords::runtime, HostPath::absolute>, offers_files},
    {"tls-verify", 0, "", "Verify certificates and refuse plain HTTP", ToPull::parsed<&PullWords::verify, parse_verify>},
};

Result<store::Layout> layout_of(PullWords const& words) {
    auto layout = TRY(store::Layout::of_calling_user());
    if (words.data) layout.data = *words.data;
    if (words.runtime) layout.runtime = *words.runtime;
    return layout;
}

Result<void> print_outcome(transfer::Pulled const& pulled, bool quiet) {
    if (quiet) return print(pulled.reference.text() + "\n");
    auto const status = pulled.status == transfer::Pulled::Status::downloaded ? "Downloaded newer image for" : "Image is up to date for";
    auto name = pulled.reference.familiar_name();
    if (!pulled.reference.tag().empty()) name += ":" + pulled.reference.tag();
    if (pulled.reference.digest()) name += "@" + pulled.reference.digest()->text();
    return print(fmt::format("Digest: {}\nStatus: {} {}\n{}\n", pulled.repository, status, name, pulled.reference.text()));
}

Result<transfer::PullOptions> options_of(PullWords const& words) {
    auto options = TRY(options_from_settings());
    options.registry.helpers = TRY(start_credential_helpers(words.credentials_file));
    options.policy_file = words.policy_file ? words.policy_file : transfer::find_policy_file(); // whose home it is, is known out here
    options.platform = words.platform;
    options.policy = words.policy;
    options.registry.verify = words.verify;
    options.registry.credentials_file = words.credentials_file;
    options.registry.credentials = words.credentials;
    options.registry.stall_timeout = words.stall_timeout;
    options.shipped_images = transfer::find_shipped_images(TRY(own_program()));
    options.cancelled = is_interrupted;
    return options;
}

// One name after the other; the user namespace is entered when the first has something to bring.
class Puller {
public:
    Puller(store::Layout layout, transfer::PullOptions options, ProgressForm form) : layout_(std::move(layout)), options_(std::move(options)), form_(form) { expect_interrupts(); }

    Result<transfer::Pulled> pull(image::Reference const& reference) {
        TransferProgress progress(form_);
        if (auto unchanged = TRY(transfer::find_unchanged(layout_, reference, options_, progress))) return *std::move(unchanged);
        if (!has_entered_) {
            await_last_thread(); // only a process of one thread can enter a user namespace
            auto const entry = TRY(prepare_transfer(layout_));
            options_.unmapped_ids = entry.shortage ? image::UnmappedIds::give_to_user : image::UnmappedIds::refuse;
            has_entered_ = true;
        }
        return transfer::pull(layout_, reference, options_, progress);
    }

    Result<std::vector<image::Reference>> find_all_tags(std::string const& text) const {
        auto const name = TRY(parse_destination(text));
        if (name.is_shipped()) return Error::of(EINVAL, "--all-tags asks a registry, and this is installed with bolt");
        if (name.digest() || text.ends_with(":" + name.tag())) return Error::of(EINVAL, "with --all-tags the name has neither tag nor digest");
        auto registry = options_.registry;
        registry.cancelled = options_.cancelled;
        return transfer::find_all_tags(name, registry);
    }

private:
    store::Layout layout_;
    transfer::PullOptions options_;
    ProgressForm form_;
    bool has_entered_ = false;
};

Result<void> pull_and_tell(Puller& puller, image::Reference const& reference, PullWords const& words) {
    auto const pulled = TRY(puller.pull(reference));
    if (words.report_fd) TRY(write_all(FdRef(*words.report_fd), pulled.reference.text()));
    return print_outcome(pulled, words.quiet);
}

// Says what failed, or leaves it to the caller. The exit code.
int tell(Command const& command, PullWords const& words, std::string const& name, Error const& error) {
    auto const text = fmt::format("pull {}: {}", name, error.text());
    if (!words.report_fd || !write_all(FdRef(*words.report_fd), text)) say(text);
    return error.is(ECANCELED) ? 130 : command.failure;
}

int pull_all_tags(Command const& command, Puller& puller, PullWords const& words, std::string const& name) {
    auto const references = puller.find_all_tags(name);
    if (!references) return tell(command, words, name, references.error());
    int code = 0;
    for (auto const& reference : references.value()) {
        auto const outcome = pull_and_tell(puller, reference, words);
        if (!outcome) code = tell(command, words, reference.text(), outcome.error());
        if (!outcome && outcome.error().is(ECANCELED)) break;
    }
    return code;
}

// The others are pulled even when one cannot be had.
int pull_each(Command const& command, Puller& puller, PullWords const& words, Words const& names) {
    int code = 0;
    for (auto const& name : names) {
        auto const reference = parse_destination(name);
        auto const outcome = reference ? pull_and_tell(puller, reference.value(), words) : Result<void>(reference.error());
        if (!outcome) code = tell(command, words, name, outcome.error());
        if (!outcome && outcome.error().is(ECANCELED)) break;
    }
    return code;
}

int perform_pull(Command const& command, Words const& arguments) {
    PullWords words;
    Words names;
    if (auto const answered = read_transfer_words(command, arguments, &words, names)) return *answered;
    auto const make = [&]() -> Result<Puller> { return Puller(TRY(layout_of(words)), TRY(options_of(words)), words.quiet ? ProgressForm::none : progress_form_of_terminal()); };
    if (words.all_tags && names.size() > 1) return tell(command, words, names[1], Error::of(EINVAL, "--all-tags takes one name, of a repository"));
    auto puller = make();
    if (!puller) return tell(command, words, names.front(), puller.error());
    return words.all_tags ? pull_all_tags(command, puller.value(), words, names.front()) : pull_each(command, puller.value(), words, names);
}

} // namespace

constexpr Command transfer_pull_command{"pull", "NAME[:TAG|@DIGEST]...", "Download images from registries", pull_options, 1, -1, OptionsEnd::nowhere, Names::images, perform_pull};

} // namespace bolt::cli
