// Archives of every kind into a directory, and the wrong ones nowhere else.
#include "catch.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/file_source.h"
#include "image/unpack.h"
#include "scratch.h"
#include "tar_builder.h"

using namespace bolt;
using namespace bolt::test;
namespace fs = std::filesystem;

namespace {

struct Outcome {
    Scratch scratch;
    fs::path tree = scratch.std_path() / "tree";
    std::optional<Result<image::Unpacked>> result;

    explicit Outcome(std::string const& archive, std::size_t piece = 700, image::UnpackOptions options = {}) {
        fs::create_directory(tree);
        std::ofstream(scratch.std_path() / "outside") << "untouched";
        image::MemorySource source(archive, piece);
        auto const root = Root::open(HostPath::parse(tree.string()).value());
        UniqueFd const kept(memfd_create("tar-split", MFD_CLOEXEC));
        image::TarSplitWriter split(kept);
        result.emplace(image::unpack_layer(source, root.value(), options, &split));
        if (!*result) return;
        can_be_made_again = split.finish().value();
        if (can_be_made_again) made_again = read_all(kept, root.value());
        CHECK((!can_be_made_again || made_again == archive));
    }
    static std::string read_all(FdRef kept, Root const& root) {
        lseek(kept.number(), 0, SEEK_SET);
        image::FileSource file(duplicate(kept).value());
        image::TarSplitSource source(file, root);
        std::string text;
        for (auto piece = source.next().value(); !piece.empty(); piece = source.next().value()) text.append(piece.data(), piece.size());
        return text;
    }
    bool can_be_made_again = false;
    std::string made_again;
    bool ok() const { return result->ok(); }
    std::string error() const { return result->ok() ? "" : result->error().text(); }
    std::string read(std::string const& name) const { return contents_of(tree / name); }
    struct stat look(std::string const& name) const {
        struct stat status {};
        lstat((tree / name).c_str(), &status);
        return status;
    }
    bool is_whiteout(std::string const& name) const {
        auto const status = look(name);
        return S_ISCHR(status.st_mode) && status.st_rdev == 0;
    }
    bool is_opaque(std::string const& name) const {
        char value[2];
        auto const path = tree / name;
        return getxattr(path.c_str(), "trusted.overlay.opaque", value, 2) == 1 || getxattr(path.c_str(), "user.overlay.opaque", value, 2) == 1;
    }
    // Nothing but the tree and its neighbour is there, and the neighbour is as it was.
    bool stayed_inside() const {
        std::size_t count = 0;
        for ([[maybe_unused]] auto const& entry : fs::directory_iterator(scratch.std_path())) ++count;
        return count == 2 && contents_of(scratch.std_path() / "outside") == "untouched";
    }
};

} // namespace

TEST_CASE("files, directories, links, times and modes") {
    auto const archive = tar_entry({.name = "./", .type = '5', .mode = 0711}) + tar_entry({.name = "d/", .type = '5', .mode = 01777, .mtime = 1234}) +
                         tar_entry({.name = "d/f", .content = std::string(1500, 'x'), .mode = 04755, .mtime = 777}) +
                         tar_entry({.name = "d/l", .type = '2', .link = "../elsewhere"}) + tar_entry({.name = "hard", .type = '1', .link = "/d/f"}) +
                         tar_entry({.name = "pipe", .type = '6', .mode = 0600}) + tar_end();
    for (std::size_t const piece : {1ul, 511ul, 512ul, 1ul << 20}) {
        Outcome const done(archive, piece);
        REQUIRE(done.error() == "");
        CHECK(done.read("d/f") == std::string(1500, 'x'));
        CHECK((done.look("d/f").st_mode & 07777) == 04755);
        CHECK(done.look("d/f").st_mtim.tv_sec == 777);
        CHECK((done.look("d").st_mode & 07777) == 01777);
        CHECK(done.look("d").st_mtim.tv_sec == 1234);
        CHECK((done.look(".").st_mode & 07777) == 0711);
        CHECK(done.look("hard").st_ino == done.look("d/f").st_ino);
        CHECK(fs::read_symlink(done.tree / "d/l") == "../elsewhere");
        CHECK(S_ISFIFO(done.look("pipe").st_mode));
        CHECK(done.result->value().size.count == 1500);
        CHECK(done.result->value().implied.empty());
    }
}

TEST_CASE("an archive can be made again from what was unpacked, to the last byte") {
    auto const files = tar_entry({.name = "a", .content = "one"}) + tar_entry({.name = "empty"}) + tar_entry({.name = "long", .content = std::string(600'000, 'y')});
    CHECK(Outcome(files + std::string(1024, '\0')).can_be_made_again);
    CHECK(Outcome(files).can_be_made_again); // without an end
    CHECK(Outcome(files + std::string(10240, '\0') + "what follows the end").can_be_made_again);
    CHECK(Outcome(files, 1).can_be_made_again); // byte by byte
    // The first "a" is nowhere any more.
    CHECK_FALSE(Outcome(files + tar_entry({.name = "a", .content = "two"})).can_be_made_again);
}

TEST_CASE("an unpacked file that was changed since makes no archive") {
    Outcome outcome(tar_entry({.name = "a", .content = "one"}));
    UniqueFd const kept(memfd_create("tar-split", MFD_CLOEXEC));
    image::TarSplitWriter split(kept);
    REQUIRE(split.add_content("a", 0, 3).ok());
    REQUIRE(split.finish().value());
    auto const root = Root::open(HostPath::parse(outcome.tree.string()).value()).value();
    CHECK(Outcome::read_all(kept, root) == "one");
    fs::resize_file(outcome.tree / "a", 0);
    lseek(kept.number(), 0, SEEK_SET);
    image::FileSource file(duplicate(kept).value());
    CHECK(image::TarSplitSource(file, root).next().error().is(ESTALE));
    for (auto const& damage : {std::string("bolt tar-split 1\nx"), std::string("bolt tar-split 2\n"), std::string("bolt tar-split 1\nb1234567")}) {
        image::MemorySource bytes(damage);
        CHECK(image::TarSplitSource(bytes, root).next().error().is(EINVAL));
    }
}

TEST_CASE("owners and times beyond what octal fields hold") {
    std::string const long_name = std::string(90, 'n') + "/" + std::string(90, 'm') + "/" + std::string(90, 'o');
    Outcome const pax_named(pax(pax_record("path", long_name) + pax_record("mtime", "1700000000.5") + pax_record("SCHILY.xattr.user.a", "b")) + tar_entry({.name = "short", .content = "p"}) + tar_end());
    REQUIRE(pax_named.error() == "");
    CHECK(pax_named.read(long_name) == "p");
    CHECK(pax_named.look(long_name).st_mtim.tv_nsec == 500'000'000);
    char value[8];
    CHECK(getxattr((pax_named.tree / long_name).c_str(), "user.a", value, sizeof value) == 1);

    Outcome const gnu(tar_entry({.name = "././@LongLink", .type = 'L', .content = long_name + std::string(1, '\0')}) + tar_entry({.name = "x", .content = "g"}) +
                      tar_entry({.name = "././@LongLink", .type = 'K', .content = long_name}) + tar_entry({.name = "link", .type = '2', .link = "cut"}) + tar_end());
    REQUIRE(gnu.error() == "");
    CHECK(gnu.read(long_name) == "g");
    CHECK(fs::read_symlink(gnu.tree / "link") == long_name);

    // GNU tar cuts the name in the header after 100 characters, wherever that is.
    auto const cut = std::string(99, 'n') + "/";
    Outcome const at_slash(tar_entry({.name = "././@LongLink", .type = 'L', .content = cut + "file"}) + tar_entry({.name = cut, .content = "whole"}) + tar_entry({.name = "next", .content = "n"}) + tar_end());
    REQUIRE(at_slash.error() == "");
    CHECK(at_slash.read(cut + "file") == "whole");
    CHECK(at_slash.read("next") == "n");
    Outcome const old_directory(tar_entry({.name = "d/", .type = '\0', .magic = std::string(8, '\0')}) + tar_end());
    REQUIRE(old_directory.error() == "");
    CHECK(fs::is_directory(old_directory.tree / "d"));

    // 4 bytes of content, in base-256.
    Outcome const binary(tar_entry({.name = "b", .content = "four", .size_field = std::string("\x80\0\0\0\0\0\0\0\0\0\0\x04", 12)}) + tar_end());
    REQUIRE(binary.error() == "");
    CHECK(binary.read("b") == "four");
}

TEST_CASE("global headers count until they are taken back") {
    Outcome const done(pax(pax_record("mtime", "42"), 'g') + tar_entry({.name = "a"}) + pax(pax_record("mtime", "43")) + tar_entry({.name = "b"}) + tar_entry({.name = "c"}) + tar_end());
    REQUIRE(done.error() == "");
    CHECK(done.look("a").st_mtim.tv_sec == 42);
    CHECK(done.look("b").st_mtim.tv_sec == 43);
    CHECK(done.look("c").st_mtim.tv_sec == 42);
}

TEST_CASE("sparse files of every form") {
    std::string const whole = "ab" + std::string(998, '\0') + "cd" + std::string(98, '\0');
    auto const pieces = pax_record("GNU.sparse.size", "1100") + pax_record("GNU.sparse.numblocks", "2") + pax_record("GNU.sparse.offset", "0") + pax_record("GNU.sparse.numbytes", "2") +
                        pax_record("GNU.sparse.offset", "1000") + pax_record("GNU.sparse.numbytes", "2");
    auto const map = pax_record("GNU.sparse.size", "1100") + pax_record("GNU.sparse.name", "s") + pax_record("GNU.sparse.map", "0,2,1000,2");
    auto const one = pax_record("GNU.sparse.major", "1") + pax_record("GNU.sparse.minor", "0") + pax_record("GNU.sparse.name", "s") + pax_record("GNU.sparse.realsize", "1100");
    for (auto const& archive : {pax(pieces) + tar_entry({.name = "s", .content = "abcd"}), pax(map) + tar_entry({.name = "other", .content = "abcd"}),
                                pax(one) + tar_entry({.name = "other", .content = padded("2\n0\n2\n1000\n2\n") + "abcd"})}) {
        Outcome const done(archive + tar_entry({.name = "after", .content = "z"}) + tar_end());
        REQUIRE(done.error() == "");
        CHECK(done.read("s") == whole);
        CHECK(done.read("after") == "z");
    }
    auto header = tar_header({.name = "s", .type = 'S', .content = "abcd", .magic = std::string("ustar  \0", 8)});
    std::memset(header.data() + 329, 0, 16);
    put(header, 386, std::string("00000000000\0" "00000000002\0" "00000001750\0" "00000000002\0", 48));
    put(header, 483, "00000002114");
    Outcome const old(seal(header) + padded("abcd") + tar_end());
    REQUIRE(old.error() == "");
    CHECK(old.read("s") == whole);
}

TEST_CASE("sparse maps that lie are refused") {
    for (auto const* map : {"0,2,1,2", "0,9", "18446744073709551615,2", "0,4,", "4", "2000,4"}) {
        Outcome const done(pax(pax_record("GNU.sparse.size", "1100") + pax_record("GNU.sparse.name", "s") + pax_record("GNU.sparse.map", map)) + tar_entry({.name = "o", .content = "abcd"}) + tar_end());
        INFO(map);
        CHECK_FALSE(done.ok());
    }
}

TEST_CASE("whiteouts become overlay's") {
    Outcome const done(tar_entry({.name = "d/", .type = '5'}) + tar_entry({.name = "d/.wh.gone"}) + tar_entry({.name = "o/", .type = '5'}) + tar_entry({.name = "o/.wh..wh..opq"}) +
                       tar_entry({.name = "o/new", .content = "n"}) + tar_entry({.name = ".wh..wh.plnk"}) + tar_end());
    REQUIRE(done.error() == "");
    CHECK(done.is_whiteout("d/gone"));
    CHECK(done.is_opaque("o"));
    CHECK_FALSE(done.is_opaque("d"));
    CHECK(done.read("o/new") == "n");
    CHECK_FALSE(fs::exists(done.tree / ".wh..wh.plnk"));
}

TEST_CASE("a whiteout beside the thing itself, in either order") {
    Outcome const done(tar_entry({.name = ".wh.a"}) + tar_entry({.name = "a", .content = "file"}) + tar_entry({.name = "b", .content = "file"}) + tar_entry({.name = ".wh.b"}) +
                       tar_entry({.name = ".wh.c"}) + tar_entry({.name = "c/", .type = '5'}) + tar_entry({.name = "d/", .type = '5'}) + tar_entry({.name = ".wh.d"}) +
                       tar_entry({.name = ".wh.e"}) + tar_entry({.name = "e/.wh.f"}) + tar_entry({.name = ".wh.g"}) + tar_entry({.name = "g/h", .content = "deep"}) + tar_end());
    REQUIRE(done.error() == "");
    CHECK(done.read("a") == "file");
    CHECK(done.read("b") == "file");
    CHECK(done.is_opaque("c"));
    CHECK(done.is_opaque("d"));
    CHECK(done.is_whiteout("e"));
    CHECK(done.read("g/h") == "deep");
    CHECK(done.is_opaque("g"));
}

TEST_CASE("later entries of the same name win") {
    Outcome const done(tar_entry({.name = "x", .content = "one"}) + tar_entry({.name = "x", .content = "two"}) + tar_entry({.name = "d/", .type = '5'}) + tar_entry({.name = "d/in", .content = "i"}) +
                       tar_entry({.name = "d/", .type = '5', .mode = 0700}) + tar_entry({.name = "t/", .type = '5'}) + tar_entry({.name = "t/in"}) + tar_entry({.name = "t", .content = "file"}) +
                       tar_entry({.name = "l", .type = '2', .link = "/outside"}) + tar_entry({.name = "l", .content = "file"}) + tar_end());
    REQUIRE(done.error() == "");
    CHECK(done.read("x") == "two");
    CHECK(done.read("d/in") == "i");
    CHECK((done.look("d").st_mode & 0777) == 0700);
    CHECK(done.read("t") == "file");
    CHECK(done.read("l") == "file");
    CHECK(done.stayed_inside());
}

TEST_CASE("directories that are only implied are said, parents first") {
    Outcome const done(tar_entry({.name = "a/b/c/f"}) + tar_entry({.name = "a/b/", .type = '5'}) + tar_end());
    REQUIRE(done.error() == "");
    CHECK(done.result->value().implied == std::vector<std::string>{"a", "a/b/c"});
}

TEST_CASE("links are followed as in a chroot") {
    Outcome const done(tar_entry({.name = "run/", .type = '5'}) + tar_entry({.name = "var/", .type = '5'}) + tar_entry({.name = "var/run", .type = '2', .link = "/run"}) +
                       tar_entry({.name = "var/run/pid", .content = "1"}) + tar_entry({.name = "up", .type = '2', .link = "../../.."}) + tar_entry({.name = "up/climber", .content = "c"}) + tar_end());
    REQUIRE(done.error() == "");
    CHECK(done.read("run/pid") == "1");
    CHECK(done.read("climber") == "c");
    CHECK(done.stayed_inside());
}

TEST_CASE("what climbs out is refused, and nothing appears outside") {
    struct Evil {
        std::string archive, says;
    };
    for (auto const& evil : {Evil{tar_entry({.name = "../up", .content = "e"}), "leads out"}, Evil{tar_entry({.name = "a/../../up", .content = "e"}), "leads out"},
                             Evil{tar_entry({.name = "..", .type = '5'}), "leads out"}, Evil{tar_entry({.name = "h", .type = '1', .link = "../outside"}), "leads out"},
                             Evil{tar_entry({.name = "h", .type = '1', .link = "/etc/hostname"}), "hard link to"},
                             Evil{tar_entry({.name = "l", .type = '2', .link = "../outside"}) + tar_entry({.name = "l/x", .content = "e"}), ""},
                             Evil{tar_entry({.name = "l", .type = '2', .link = "/proc/self/root"}) + tar_entry({.name = "l/tmp/x", .content = "e"}), ""},
                             Evil{tar_entry({.name = "dev", .type = '3', .major = 0, .minor = 0}), "character device 0:0"},
                             Evil{tar_entry({.name = ".wh..."}), ""}, Evil{tar_entry({.name = ".wh."}), "whiteout of nothing"},
                             Evil{tar_entry({.name = "d/.wh..", .content = ""}), "whiteout of nothing"}}) {
        Outcome const done(evil.archive + tar_end());
        INFO(evil.says << " / " << done.error());
        if (!evil.says.empty()) CHECK(done.error().find(evil.says) != std::string::npos);
        CHECK(done.stayed_inside());
    }
}

TEST_CASE("damage is refused") {
    auto const good = tar_entry({.name = "f", .content = std::string(2000, 'f')});
    CHECK(Outcome(good).ok()); // without an end, as some tools write it
    CHECK_FALSE(Outcome(good.substr(0, 1200)).ok());
    CHECK_FALSE(Outcome(good.substr(0, 300)).ok());
    auto bad_sum = good;
    bad_sum[0] = 'g';
    CHECK(Outcome(bad_sum).error().find("checksum") != std::string::npos);
    CHECK_FALSE(Outcome(pax("5 a=b\n") + good).ok());
    CHECK_FALSE(Outcome(pax("999 path=x\n") + good).ok());
    CHECK_FALSE(Outcome(tar_header({.name = "L", .type = 'L', .size_field = "77777777777"}) + good).ok());
    CHECK_FALSE(Outcome(tar_entry({.name = "f", .content = "x"}) + tar_entry({.name = "f/below"}) + tar_end()).ok());
    CHECK(Outcome(good + good + good, 4096, {.most_entries = 2}).error().find("more than 2 entries") != std::string::npos);
}

TEST_CASE("attributes that belong to overlay are not taken from archives") {
    Outcome const done(pax(pax_record("SCHILY.xattr.trusted.overlay.opaque", "y") + pax_record("SCHILY.xattr.user.overlay.opaque", "y")) + tar_entry({.name = "d/", .type = '5'}) + tar_end());
    REQUIRE(done.error() == "");
    CHECK_FALSE(done.is_opaque("d"));
}

TEST_CASE("owners, where we may give files away") {
    if (geteuid() != 0) {
        WARN("skipped: only root may give files away");
        return;
    }
    Outcome const done(tar_entry({.name = "f", .mode = 06755, .uid = 123, .gid = 456}) + pax(pax_record("uid", "1000000") + pax_record("SCHILY.xattr.security.capability", std::string("\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20))) +
                       tar_entry({.name = "c", .content = "x"}) + tar_entry({.name = "s", .type = '2', .link = "x", .uid = 7, .gid = 8}) + tar_end());
    REQUIRE(done.error() == "");
    CHECK(done.look("f").st_uid == 123);
    CHECK(done.look("f").st_gid == 456);
    CHECK((done.look("f").st_mode & 07777) == 06755);
    CHECK(done.look("c").st_uid == 1000000);
    char value[64];
    CHECK(getxattr((done.tree / "c").c_str(), "security.capability", value, sizeof value) > 0);
    CHECK(done.look("s").st_uid == 7);
}

TEST_CASE("an id that no user can have is refused by name, or given to the user") {
    auto const archive = pax(pax_record("uid", "4294967295")) + tar_entry({.name = "f"}) + tar_end();
    CHECK(Outcome(archive).error().find("belongs to 4294967295:0") != std::string::npos);
    Outcome const given(archive, 4096, {.unmapped_ids = image::UnmappedIds::give_to_user});
    REQUIRE(given.error() == "");
    CHECK(given.result->value().ids_given_to_user == 1);
}

TEST_CASE("implied directories take the attributes of a lower layer") {
    Outcome const lower(tar_entry({.name = "tmp/", .type = '5', .mode = 01777, .mtime = 99}) + tar_end());
    Outcome const upper(tar_entry({.name = "tmp/f"}) + tar_end());
    auto const from = Root::open(HostPath::parse(lower.tree.string()).value());
    auto const to = Root::open(HostPath::parse(upper.tree.string()).value());
    CHECK(image::copy_directory_attributes(from.value(), to.value(), "tmp").value());
    CHECK((upper.look("tmp").st_mode & 07777) == 01777);
    CHECK(upper.look("tmp").st_mtim.tv_sec == 99);
    CHECK_FALSE(image::copy_directory_attributes(from.value(), to.value(), "nowhere").value());
}
