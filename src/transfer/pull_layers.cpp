#include "transfer/pull_layers.h"

#include <algorithm>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "image/range_source.h"
#include "sys/file.h"

namespace bolt::transfer {

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr auto tick = std::chrono::milliseconds(100);

std::size_t most_at_once() { return std::min(6u, 2 * std::max(1u, std::thread::hardware_concurrency())); }

// The next try may go better: what was downloaded is kept.
bool is_resumable(Error const& error) {
    return error.is(ECANCELED) || error.is(ECONNRESET) || error.is(ETIMEDOUT) || error.is(ECONNREFUSED) || error.is(EHOSTUNREACH) || error.is(EIO) || error.is(EAGAIN);
}

} // namespace

// The order of members is the order of life: the reader ends before what it reads from.
struct LayerPulls::Task {
    explicit Task(ResolvedLayer const& resolved) : layer(resolved) {}
    ResolvedLayer const& layer;
    Progress::LayerState state = Progress::LayerState::waiting;
    std::optional<pid_t> holder;
    std::optional<store::Ingest> ingest;
    std::optional<FilePart> local;
    std::unique_ptr<GrowingFile> file;
    std::unique_ptr<LayerUnpacking> unpacking;

    std::optional<HttpClient::DownloadId> download;
    std::optional<Result<HttpHead>> ended;
    std::string refusal;                  // the body of an answer that is not the blob
    std::uint64_t skip = 0;               // bytes of the answer that are there already
    std::uint64_t last_start = 0;         // how much was there when the download began
    int tries = 0;
    bool authenticated = false, resumed = false, from_url = false;
    SteadyClock::time_point next_look{};

    std::optional<FinishedLayer> waits_for_lower; // it has implied directories
    std::optional<PulledLayer> pulled;
    bool added = false;
    bool is_over() const { return pulled.has_value() || waits_for_lower.has_value(); }
};

LayerPulls::LayerPulls(store::Layout const& layout, ResolvedImage const& image, Registry* registry, BlobSource const* local, PullOptions const& options, Progress& progress)
    : layout_(layout), image_(image), registry_(registry), local_(local), options_(options), progress_(progress), idle_client_(HttpOptions{}),
      client_(registry ? registry->client() : idle_client_) {
    for (auto const& layer : image_.layers) tasks_.emplace_back(layer);
}

LayerPulls::~LayerPulls() { stop_all(); }

void LayerPulls::stop_all() {
    for (auto& task : tasks_) {
        if (task.download) client_.cancel(*task.download);
        task.download.reset();
        if (task.file) task.file->fail(Error(ECANCELED, "interrupted"));
    }
    for (auto& task : tasks_) task.unpacking.reset(); // joins
}

// Once for the image, not for each layer.
void LayerPulls::warn_of_changes() {
    if (ids_given_to_user_ > 0)
        progress_.warn("some files belong to users that have no ids here; they are yours instead (ranges in /etc/subuid and /etc/subgid, and newuidmap, would keep them apart)");
    if (devices_left_out_ > 0) progress_.warn(fmt::format("{} device nodes of the image were left out, which only root can make", devices_left_out_));
    if (attributes_left_out_ > 0)
        progress_.warn(fmt::format("{} extended attributes of the image were left out, which the store's file system, this kernel or the user namespace does not take", attributes_left_out_));
}

Result<std::vector<PulledLayer>> LayerPulls::run() {
    auto const outcome = run_until_over();
    warn_of_changes();
    if (!outcome) {
        stop_all();
        if (!is_resumable(outcome.error())) take_back();
        return outcome.error();
    }
    TRY(commit_implied());
    show();
    std::vector<PulledLayer> layers;
    for (auto& task : tasks_) layers.push_back(std::move(*task.pulled));
    return layers;
}

// The image is bad, or the disk full: neither its layers nor its downloads are of use.
void LayerPulls::take_back() {
    for (auto& task : tasks_) {
        if (task.ingest) (void)task.ingest->discard().ok(); // a sweep removes it after a week: ignoring
        if (!task.added || !task.pulled) continue;
        auto const key = task.pulled->key;
        task.pulled.reset();
        (void)store::remove_unused_layer(layout_, key).ok(); // somebody may use it by now: ignoring
    }
}

Result<void> LayerPulls::run_until_over() {
    for (auto last_shown = SteadyClock::time_point{};;) {
        if (options_.cancelled && options_.cancelled()) return Error::of(ECANCELED, "interrupted; run the same command again to go on");
        for (auto& task : tasks_) TRY(step(task));
        if (SteadyClock::now() - last_shown >= tick) {
            show();
            last_shown = SteadyClock::now();
        }
        if (std::all_of(tasks_.begin(), tasks_.end(), [](Task const& task) { return task.is_over(); })) return {};
        TRY(client_.run(tick));
    }
}

Result<void> LayerPulls::step(Task& task) {
    if (task.is_over()) return {};
    if (task.unpacking && task.unpacking->is_over()) return unpacking_ended(task);
    if (task.ended) return download_ended(task);
    if (SteadyClock::now() < task.next_look) return {};
    if (!task.unpacking) return active_ < most_at_once() ? begin(task) : Result<void>();
    if (!task.download && task.file->available() < task.file->total() && registry_) download(task);
    return {};
}

Result<bool> LayerPulls::find_in_store(Task& task) {
    // A layer with implied directories is there under the name of its whole chain.
    for (auto const* digest : {&task.layer.diff_id, &task.layer.chain_id}) {
        auto key = store::plain_key(*digest);
        auto held = TRY(store::find_layer(layout_, key));
        if (!held || held->record.diff_id != task.layer.diff_id) continue;
        task.pulled.emplace(PulledLayer{std::move(key), std::move(held->record), std::move(held->lock)});
        task.state = task.state == Progress::LayerState::elsewhere ? Progress::LayerState::done : Progress::LayerState::there_already;
        return true;
    }
    return false;
}

Result<void> LayerPulls::begin(Task& task) {
    if (TRY(find_in_store(task))) return discard_download(task);
    if (local_) return begin_local(task);
    auto ingest = TRY(store::Ingest::find(layout_, task.layer.blob, task.holder));
    if (!ingest) {
        task.state = Progress::LayerState::elsewhere;
        task.next_look = SteadyClock::now() + tick;
        return {};
    }
    // Whoever had it until now may have finished.
    if (TRY(find_in_store(task))) return ingest->discard();
    task.holder.reset();
    if (ingest->size() > task.layer.size && ftruncate(ingest->part().number(), 0) < 0) return Error::from_errno("begin the download anew");
    task.ingest = std::move(ingest);
    auto const there = task.ingest->size();
    task.resumed = there > 0;
    TRY(begin_unpacking(task, task.ingest->part(), there));
    if (there < task.layer.size) download(task);
    return {};
}

Result<void> LayerPulls::begin_local(Task& task) {
    task.local = TRY(local_->open_blob(task.layer.blob));
    return begin_unpacking(task, task.local->file, task.local->size, task.local->offset);
}

Result<void> LayerPulls::begin_unpacking(Task& task, FdRef file, std::uint64_t available, std::uint64_t begin) {
    task.file = std::make_unique<GrowingFile>(file, available, std::max(available, local_ ? available : task.layer.size), begin);
    image::UnpackOptions unpack;
    unpack.unmapped_ids = options_.unmapped_ids;
    task.unpacking = TRY(LayerUnpacking::start(layout_, {task.layer.blob, task.layer.diff_id}, *task.file, unpack, [this] { client_.wake(); }));
    ++active_;
    task.state = available < task.file->total() ? Progress::LayerState::downloading : Progress::LayerState::unpacking;
    fetched_anything_ = true;
    return {};
}

void LayerPulls::download(Task& task) {
    auto const offset = task.file->available();
    task.last_start = offset;
    task.skip = 0;
    task.refusal.clear();
    HttpClient::Download download;
    download.request = registry_->blob_request(task.layer.blob, offset, task.ingest->validator());
    if (task.from_url) {
        download.request.url = task.layer.urls.front();
        std::erase_if(download.request.headers, [](std::string const& header) { return header.starts_with("Authorization:"); });
    }
    download.take = [&task, offset, first = true, refused = std::size_t{0}](HttpHead const& head, std::span<char const> bytes) mutable -> Result<void> {
        if (head.status != 200 && head.status != 206) {
            constexpr std::size_t shown = 4096, longest = 64 * 1024;
            task.refusal.append(bytes.data(), std::min(bytes.size(), shown - std::min(shown, task.refusal.size())));
            refused += bytes.size();
            return refused <= longest ? Result<void>() : Error::of(EFBIG, "the answer of status {} for blob {} does not end", head.status, task.layer.blob);
        }
        if (std::exchange(first, false)) {
            // A server that knows no ranges sends all of it once more.
            task.skip = head.status == 200 ? offset : 0;
            if (auto const tag = head.header("etag"); !tag.empty()) (void)task.ingest->set_validator(tag).ok(); // only an optimisation: ignoring
        }
        auto const skipped = static_cast<std::size_t>(std::min<std::uint64_t>(task.skip, bytes.size()));
        task.skip -= skipped;
        return task.file->append(bytes.subspan(skipped)).while_doing("download blob {}", task.layer.blob);
    };
    download.end = [&task](Result<HttpHead> head) { task.ended = std::move(head); };
    task.download = client_.start(std::move(download));
}

void LayerPulls::end_download(Task& task) {
    if (task.download) client_.cancel(*task.download);
    task.download.reset();
    task.ended.reset();
}

Result<void> LayerPulls::download_ended(Task& task) {
    auto const ended = std::move(*task.ended);
    task.ended.reset();
    task.download.reset();
    bool const whole = task.file->available() == task.file->total();
    if (whole) {
        task.state = Progress::LayerState::unpacking;
        return {};
    }
    auto const what = fmt::format("layer {} of '{}'", task.layer.blob, registry_->host());
    // What another host asks for is not the registry's to have: nobody's login goes there.
    if (ended && ended.value().status == 401 && !task.authenticated && !task.from_url) {
        task.authenticated = true;
        if (auto const renewed = registry_->authenticate(ended.value()); !renewed) task.file->fail(renewed.error());
        return {};
    }
    if (ended && ended.value().status == 404 && !task.layer.urls.empty() && !task.from_url) {
        task.from_url = true;
        return {};
    }
    bool const broke_off = ended && (ended.value().status == 200 || ended.value().status == 206);
    auto const why = !ended     ? ended.error()
                     : broke_off ? Error::of(ECONNRESET, "registry '{}' ended {} after {} of {} bytes; run the same command again to go on", registry_->host(), what,
                                             task.file->available(), task.file->total())
                                 : registry_->explain(ended.value().status, task.refusal, what);
    if (task.file->available() > task.last_start) {
        task.tries = 0;
        task.authenticated = false;
    }
    bool const again = !ended || broke_off ? is_worth_retrying(why) : is_worth_retrying(ended.value().status);
    if (!again || ++task.tries >= most_tries) {
        task.file->fail(why);
        return {};
    }
    auto const pause = pause_before_retry(ended ? &ended.value() : nullptr, task.tries);
    progress_.note(fmt::format("{}; trying again in {} ms", why.text(), pause.count()));
    task.next_look = SteadyClock::now() + pause;
    return {};
}

Result<void> LayerPulls::unpacking_ended(Task& task) {
    auto finished = task.unpacking->take();
    task.unpacking.reset();
    --active_;
    if (finished) return commit(task, std::move(finished).value());
    // What an earlier run left may have been damaged since: once more, from nothing.
    if (finished.error().is(EBADMSG) && task.resumed && task.ingest) {
        progress_.note(fmt::format("what was downloaded before of blob {} is damaged; downloading it again", task.layer.blob));
        end_download(task);
        task.file.reset();
        if (ftruncate(task.ingest->part().number(), 0) < 0) return Error::from_errno("begin the download anew");
        task.resumed = false;
        TRY(begin_unpacking(task, task.ingest->part(), 0));
        download(task);
        return {};
    }
    return finished.error();
}

// The layer as it came, when it is packed and wanted, or when there is nothing else to make its archive of.
Result<void> LayerPulls::keep_blob(Task& task, FinishedLayer const& finished) {
    bool const is_only_form = !exists(finished.staged.split());
    if (!is_only_form && (!options_.keeps_blobs || task.layer.blob == task.layer.diff_id)) return {};
    if (task.ingest) return task.ingest->give(finished.staged.blob(task.layer.blob));
    if (!task.local) return {};
    auto const copy = TRY(open_file(finished.staged.blob(task.layer.blob), O_WRONLY | O_CREAT | O_EXCL, 0600));
    image::RangeSource source(task.local->file, task.local->offset, task.local->size);
    for (auto piece = TRY(source.next()); !piece.empty(); piece = TRY(source.next())) TRY(write_all(copy, {piece.data(), piece.size()}).while_doing("keep blob {}", task.layer.blob));
    return {};
}

Result<void> LayerPulls::commit(Task& task, FinishedLayer finished) {
    auto const& unpacked = finished.unpacked;
    ids_given_to_user_ += unpacked.ids_given_to_user;
    devices_left_out_ += unpacked.devices_left_out;
    attributes_left_out_ += unpacked.attributes_left_out;
    end_download(task); // a server that sends more than it should
    task.file.reset();
    task.state = Progress::LayerState::done;
    TRY(keep_blob(task, finished));
    if (!unpacked.implied.empty() && task.layer.chain_id != task.layer.diff_id) {
        task.waits_for_lower.emplace(std::move(finished));
        // Not held any longer: two pulls could wait for each other's.
        return discard_download(task);
    }
    store::LayerRecord record{task.layer.diff_id, unpacked.size, {}, unpacked.archive};
    auto key = store::plain_key(task.layer.diff_id);
    auto hold = TRY(finished.staged.commit(layout_, key, record));
    task.added = true;
    task.pulled.emplace(PulledLayer{std::move(key), std::move(record), std::move(hold)});
    return discard_download(task);
}

// Compressed bytes of a layer that is unpacked, whether by us or by one that was killed before it came to this.
Result<void> LayerPulls::discard_download(Task& task) {
    if (!task.ingest && exists(layout_.ingest() / task.layer.blob.text())) {
        std::optional<pid_t> holder;
        task.ingest = TRY(store::Ingest::find(layout_, task.layer.blob, holder));
    }
    if (task.ingest) TRY(task.ingest->discard());
    task.ingest.reset();
    return {};
}

// From the lowest up, so that the layers below are in place: implied directories get the attributes of the nearest one.
Result<void> LayerPulls::commit_implied() {
    std::vector<Root> below;
    for (auto& task : tasks_) {
        if (task.waits_for_lower) {
            auto& finished = *task.waits_for_lower;
            auto const upper = TRY(Root::open(finished.staged.files()));
            for (auto const& path : finished.unpacked.implied)
                for (auto lower = below.rbegin(); lower != below.rend(); ++lower)
                    if (TRY(image::copy_directory_attributes(*lower, upper, path))) break;
            store::LayerRecord record{task.layer.diff_id, finished.unpacked.size, finished.unpacked.implied, finished.unpacked.archive};
            auto key = store::plain_key(task.layer.chain_id);
            auto hold = TRY(finished.staged.commit(layout_, key, record));
            task.pulled.emplace(PulledLayer{std::move(key), std::move(record), std::move(hold)});
            task.waits_for_lower.reset();
        }
        below.push_back(TRY(Root::open(layout_.layer(task.pulled->key) / "fs")));
    }
    return {};
}

void LayerPulls::show() {
    std::vector<Progress::Layer> layers;
    for (auto const& task : tasks_) {
        Progress::Layer layer{task.layer.blob.brief(), task.state, 0, task.layer.size, task.holder};
        layer.moved = task.file ? task.file->available() : task.is_over() ? task.layer.size : 0;
        layers.push_back(std::move(layer));
    }
    progress_.layers(layers);
}

} // namespace bolt::transfer
