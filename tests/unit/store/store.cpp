#include "catch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <thread>

#include "scratch.h"
#include "store/images.h"
#include "store/intake.h"
#include "store/sweep.h"

using namespace bolt;
using namespace bolt::store;
using image::Digest;
using image::Reference;

namespace {

Digest digest_of(char c) { return Digest::parse("sha256:" + std::string(64, c)).value(); }

struct Store {
    test::Scratch scratch;
    Layout layout{scratch.path / "data", scratch.path / "run"};
    Store() { REQUIRE_OK(layout.prepare()); }

    FileLock add_layer(char c) {
        auto staged = StagedLayer::make(layout);
        REQUIRE_OK(staged);
        std::ofstream(staged.value().files().text() + "/file") << c;
        auto held = staged.value().commit(layout, plain_key(digest_of(c)), {digest_of(c), {1}, {}});
        REQUIRE_OK(held);
        return std::move(held).value();
    }
    void add_image(char id, std::string const& layers, std::string_view name) {
        std::vector<FileLock> held;
        ImageRecord record{digest_of(id), digest_of('e'), {"linux", "amd64", ""}, {}, {7}, {}, {}};
        record.config.cmd = {"/bin/true"};
        for (char const c : layers) {
            held.push_back(add_layer(c));
            record.layers.push_back({plain_key(digest_of(c)), digest_of(c).text()});
        }
        REQUIRE_OK(commit_image(layout, record, {}, {Reference::parse(name).value()}, {digest_of(id), digest_of('e'), digest_of('d'), "", ""}, Sync::none));
    }
    std::optional<Image> find(std::string_view name) {
        auto found = find_image(layout, Reference::parse(name).value());
        REQUIRE_OK(found);
        return std::move(found).value();
    }
    bool has_layer(char c) const { return exists(layout.layer(plain_key(digest_of(c))) / "fs"); }
    std::size_t count(HostPath const& directory) const { return list_directory(directory).value().size(); }
};

} // namespace

TEST_CASE("an image is found by name, by digest and by id") {
    Store store;
    CHECK_FALSE(store.find("localhost/app"));
    store.add_image('1', "ab", "localhost/app:v1");
    auto const image = store.find("localhost/app:v1");
    REQUIRE(image);
    CHECK(image->id == digest_of('1'));
    CHECK(image->layers.at(0).text().ends_with(std::string(64, 'b') + "/fs")); // topmost first
    CHECK(image->config.cmd == std::vector<std::string>{"/bin/true"});
    CHECK(image->references == std::vector<std::string>{"localhost/app:v1"});
    CHECK_FALSE(store.find("localhost/app:v2"));
    CHECK_FALSE(store.find("localhost/app/v1"));
    CHECK(store.find("localhost/app@sha256:" + std::string(64, 'd')));
    CHECK(store.find("localhost/app@sha256:" + std::string(64, 'e')));
    CHECK_FALSE(store.find("localhost/app@sha256:" + std::string(64, '9')));
    CHECK(find_image_by_id(store.layout, "111111111111").value()->id == digest_of('1'));
    CHECK(find_image_by_id(store.layout, "sha256:11").value());
    CHECK_FALSE(find_image_by_id(store.layout, "2").value());
    CHECK_FALSE(find_image_by_id(store.layout, "../").value());
    CHECK(find_image_by_text(store.layout, "1111").value());
}

TEST_CASE("ids that begin alike are ambiguous") {
    Store store;
    store.add_image('1', "a", "localhost/one");
    std::string other = "sha256:" + std::string(63, '1') + "2";
    ImageRecord const record{Digest::parse(other).value(), digest_of('e'), {}, {}, {}, {}, {}};
    REQUIRE_OK(commit_image(store.layout, record, {}, {Reference::parse("localhost/two").value()}, {record.id, digest_of('e'), digest_of('d'), "", ""}, Sync::none));
    auto const found = find_image_by_id(store.layout, "11");
    REQUIRE_FALSE(found.ok());
    CHECK(found.error().is(EEXIST));
}

TEST_CASE("a tag and a repository of the same name do not collide") {
    Store store;
    store.add_image('1', "a", "localhost/app:sub");
    store.add_image('2', "b", "localhost/app/sub:latest");
    CHECK(store.find("localhost/app:sub")->id == digest_of('1'));
    CHECK(store.find("localhost/app/sub")->id == digest_of('2'));
}

TEST_CASE("shipped images: a short name finds them, a newer install outdates them") {
    Store store;
    auto const index = store.scratch.path / "index.json";
    std::ofstream(index.text()) << "{}";
    store.add_image('1', "a", "localhost/x");
    ReferenceRecord const record{digest_of('1'), digest_of('e'), digest_of('d'), index.text(), stamp_of(index.text())};
    auto const image = ImageRecord{digest_of('1'), digest_of('e'), {}, {}, {}, {{plain_key(digest_of('a')), "x"}}, {}};
    REQUIRE_OK(commit_image(store.layout, image, {}, {Reference::parse("bolt://shell").value()}, record, Sync::none));
    CHECK(store.find("shell")->references.front() == "bolt://shell:latest");
    CHECK(store.find("bolt://shell"));
    std::filesystem::last_write_time(index.text(), std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
    CHECK_FALSE(store.find("bolt://shell"));
}

TEST_CASE("lists hold every reference, and damage is a warning") {
    Store store;
    store.add_image('1', "a", "localhost/app:v1");
    store.add_image('1', "a", "localhost/app:v2");
    std::ofstream((store.layout.images() / (std::string(64, 'f') + ".json")).text()) << "{half";
    auto const list = list_images(store.layout);
    REQUIRE_OK(list);
    REQUIRE(list.value().images.size() == 1);
    CHECK(list.value().images[0].references == std::vector<std::string>{"localhost/app:v1", "localhost/app:v2"});
    CHECK(list.value().warnings.size() == 1);
}

TEST_CASE("an image goes with its last reference, and layers with their last image") {
    Store store;
    store.add_image('1', "ab", "localhost/one:a");
    store.add_image('1', "ab", "localhost/one:b");
    store.add_image('2', "bc", "localhost/two");
    auto removed = remove_image(store.layout, "localhost/one:a", Removal::refuse_used);
    REQUIRE_OK(removed);
    CHECK(removed.value().untagged == std::vector<std::string>{"localhost/one:a"});
    CHECK(removed.value().deleted.empty());
    CHECK(store.has_layer('a'));
    removed = remove_image(store.layout, "localhost/one:b", Removal::refuse_used);
    REQUIRE_OK(removed);
    CHECK(removed.value().deleted.size() == 2);
    CHECK_FALSE(store.has_layer('a'));
    CHECK(store.has_layer('b'));
    CHECK_FALSE(store.find("localhost/one:b"));
    CHECK(store.count(store.layout.trash()) == 0);
    CHECK(remove_image(store.layout, "localhost/one:b", Removal::refuse_used).error().is(ENOENT));
}

TEST_CASE("an id with several names is only removed by force") {
    Store store;
    store.add_image('1', "a", "localhost/one:a");
    store.add_image('1', "a", "localhost/one:b");
    CHECK(remove_image(store.layout, "1111", Removal::refuse_used).error().is(EEXIST));
    REQUIRE_OK(remove_image(store.layout, "1111", Removal::force));
    CHECK_FALSE(store.has_layer('a'));
}

TEST_CASE("what containers use stays, and the error names the container") {
    Store store;
    store.add_image('1', "a", "localhost/one");
    REQUIRE_OK(make_directories(store.layout.containers() / "c0ffee000000aaaa", 0700));
    std::ofstream((store.layout.containers() / "c0ffee000000aaaa/config.json").text()) << R"({"image_id":")" << digest_of('1').text() << "\"}";
    auto const refused = remove_image(store.layout, "localhost/one", Removal::refuse_used);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().is(EBUSY));
    CHECK(refused.error().text().find("c0ffee000000") != std::string::npos);
    REQUIRE_OK(remove_image(store.layout, "localhost/one", Removal::force));
    CHECK(store.has_layer('a'));
    CHECK(find_image_by_id(store.layout, "1111").value());
}

TEST_CASE("held layers are not removed") {
    Store store;
    store.add_image('1', "a", "localhost/one");
    auto hold = LayerHold::acquire(store.layout, *store.find("localhost/one"));
    REQUIRE_OK(hold);
    REQUIRE_OK(remove_image(store.layout, "localhost/one", Removal::refuse_used));
    CHECK(store.has_layer('a'));
}

TEST_CASE("a layer that cannot be trusted is not used") {
    Store store;
    { auto const held = store.add_layer('a'); }
    auto const key = plain_key(digest_of('a'));
    CHECK(find_layer(store.layout, key).value());
    // As if the machine had been switched off before the layer reached the disk.
    std::ofstream((store.layout.layer(key) / "meta.json").text()) << R"({"diffID":")" << digest_of('a').text() << R"(","size":1,"bootID":"earlier"})";
    CHECK_FALSE(find_layer(store.layout, key).value());
    CHECK_FALSE(is_whole_layer(store.layout, key).value());
    CHECK(store.has_layer('a')); // looking changes nothing
    SECTION("a sweep takes it away") {
        CHECK(sweep(store.layout, Layers::stay).empty());
        CHECK_FALSE(store.has_layer('a'));
    }
    SECTION("a new one takes its place") {
        std::ofstream((store.layout.layer(key) / "old").text());
        { auto const held = store.add_layer('a'); }
        CHECK(find_layer(store.layout, key).value());
        CHECK_FALSE(exists(store.layout.layer(key) / "old"));
        CHECK(store.count(store.layout.tmp()) + store.count(store.layout.trash()) == 0);
    }
    SECTION("of two that meet it the second uses what the first has put there") {
        std::atomic<int> failures{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                auto staged = StagedLayer::make(store.layout);
                auto const held = staged ? staged.value().commit(store.layout, key, {digest_of('a'), {1}, {}}) : Result<FileLock>(staged.error());
                if (!held || !find_layer(store.layout, key).value()) ++failures;
            });
        for (auto& thread : threads) thread.join();
        CHECK(failures == 0);
        CHECK(find_layer(store.layout, key).value());
    }
    SECTION("what an image names and what is durable stays, whatever its record says") {
        std::ofstream((store.layout.layer(key) / "meta.json").text()) << "{nonsense";
        std::ofstream((store.layout.layer(key) / "durable").text());
        CHECK_FALSE(find_layer(store.layout, key).value());
        CHECK(store.has_layer('a'));
    }
}

TEST_CASE("the loser of a race uses the winner's layer") {
    Store store;
    auto first = StagedLayer::make(store.layout), second = StagedLayer::make(store.layout);
    auto const key = plain_key(digest_of('a'));
    REQUIRE_OK(first.value().commit(store.layout, key, {digest_of('a'), {1}, {}}));
    REQUIRE_OK(second.value().commit(store.layout, key, {digest_of('a'), {1}, {}}));
    { auto const gone = std::move(second); }
    CHECK(store.count(store.layout.tmp()) == 0);
}

TEST_CASE("a download has one owner, and what it got is there for the next") {
    Store store;
    std::optional<pid_t> holder;
    auto first = Ingest::find(store.layout, digest_of('a'), holder);
    REQUIRE_OK(first);
    REQUIRE(first.value());
    REQUIRE_OK(write_all(first.value()->part(), "half"));
    REQUIRE_OK(first.value()->set_validator("\"tag\""));
    CHECK_FALSE(Ingest::find(store.layout, digest_of('a'), holder).value());
    CHECK(holder == getpid());
    first.value().reset();
    auto second = Ingest::find(store.layout, digest_of('a'), holder);
    REQUIRE(second.value());
    CHECK(second.value()->size() == 4);
    CHECK(second.value()->validator() == "\"tag\"");
    REQUIRE_OK(second.value()->discard());
    CHECK(store.count(store.layout.ingest()) == 0);
}

TEST_CASE("a sweep takes the files that killed writers had staged") {
    Store const store;
    auto const in_refs = store.layout.refs() / "host" / "name";
    REQUIRE_OK(make_directories(in_refs, 0700));
    for (auto const& directory : {store.layout.store(), store.layout.images(), store.layout.blobs() / "sha256", in_refs}) {
        INFO(directory.text());
        auto const staged = directory / ".VERSION.0123456789abcdef";
        std::ofstream(staged.text()) << "1";
        CHECK(sweep(store.layout, Layers::stay).empty());
        CHECK_FALSE(exists(staged));
    }
    CHECK(exists(store.layout.store() / "VERSION"));
}

TEST_CASE("a sweep takes containers that were never finished, and names without a container") {
    Store const store;
    auto const& containers = store.layout.containers();
    auto const make = [&](char const* id, bool has_record, bool is_old) {
        REQUIRE_OK(make_directories(containers / id, 0700));
        std::ofstream((containers / id / "lock").text()) << "1";
        if (has_record) std::ofstream((containers / id / "config.json").text()) << "{}";
        REQUIRE_OK(make_symlink(id, store.layout.names() / fmt::format("of-{}", id)));
        timespec const then[2] = {{1'700'000'000, 0}, {1'700'000'000, 0}};
        if (!is_old) return;
        utimensat(AT_FDCWD, (containers / id).c_str(), then, 0);
        utimensat(AT_FDCWD, (store.layout.names() / fmt::format("of-{}", id)).c_str(), then, AT_SYMLINK_NOFOLLOW);
    };
    make("made", true, true);
    make("dead", false, true);
    make("held", false, true);
    make("young", false, false);
    auto const lock = FileLock::find(containers / "held/lock", LockMode::exclusive);
    REQUIRE_OK(lock);
    CHECK(sweep(store.layout, Layers::stay).empty());
    CHECK_FALSE(exists(containers / "dead"));
    for (auto const* const id : {"made", "held", "young"}) CHECK(exists(containers / id));
    CHECK(store.count(store.layout.names()) == 3);
}

TEST_CASE("a sweep takes what is dead and leaves what lives") {
    Store store;
    auto const alive = StagedLayer::make(store.layout);
    REQUIRE_OK(alive);
    REQUIRE_OK(make_directories(store.layout.tmp() / "dead/fs/deep", 0700));
    REQUIRE_OK(make_directories(store.layout.trash() / "old/deep", 0700));
    CHECK(sweep(store.layout, Layers::stay).empty());
    CHECK_FALSE(exists(store.layout.tmp() / "dead"));
    CHECK(exists(alive.value().files()));
    CHECK(store.count(store.layout.trash()) == 0);
}

TEST_CASE("many at once make and remove the same layer") {
    Store store;
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (int t = 0; t < 6; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 20; ++i) {
                auto staged = StagedLayer::make(store.layout);
                if (!staged || !staged.value().commit(store.layout, plain_key(digest_of('a')), {digest_of('a'), {1}, {}})) ++failures;
                if (!remove_unused_layer(store.layout, plain_key(digest_of('a')))) ++failures;
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(failures == 0);
    CHECK(store.count(store.layout.tmp()) == 0);
}

TEST_CASE("a store of a later version is left alone") {
    Store store;
    std::ofstream((store.layout.store() / "VERSION").text()) << "99\n";
    CHECK(store.layout.prepare().error().is(EPROTO));
}

TEST_CASE("where a user's store is") {
    setenv("BOLT_DATA_DIR", "/somewhere/data", 1);
    setenv("BOLT_RUNTIME_DIR", "relative", 1);
    CHECK_FALSE(Layout::of_calling_user().ok());
    setenv("BOLT_RUNTIME_DIR", "/somewhere/run", 1);
    CHECK(Layout::of_calling_user().value().data.text() == "/somewhere/data");
    unsetenv("BOLT_DATA_DIR");
    unsetenv("BOLT_RUNTIME_DIR");
}
