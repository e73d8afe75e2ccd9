#include "catch.h"

#include <thread>

#include "base/base64.h"
#include "scratch.h"
#include "transfer/challenge.h"
#include "transfer/credentials.h"
#include "transfer/growing_file.h"
#include "transfer/piece_queue.h"
#include "transfer/registry.h"

#include <fcntl.h>

using namespace bolt;
using namespace bolt::transfer;

TEST_CASE("challenges as registries write them") {
    auto const challenges = parse_challenges(R"(Bearer realm="https://auth.example/token",service="registry.example", scope="repository:a/b:pull,push", Basic Realm="x \"y\"")");
    REQUIRE(challenges.size() == 2);
    CHECK(challenges[0].scheme == "bearer");
    CHECK(challenges[0].parameter("realm") == "https://auth.example/token");
    CHECK(challenges[0].parameter("scope") == "repository:a/b:pull,push");
    CHECK(challenges[1].scheme == "basic");
    CHECK(challenges[1].parameter("realm") == "x \"y\"");
    CHECK(parse_challenges("").empty());
    CHECK(parse_challenges("===\"\"\\,,").empty());
    CHECK(parse_challenges("Basic")[0].scheme == "basic");
    CHECK(parse_challenges(R"(Bearer realm="unfinished)")[0].parameter("realm") == "unfinished");
}

TEST_CASE("base64 and percent signs") {
    CHECK(encode_base64("user:pass") == "dXNlcjpwYXNz");
    CHECK(encode_base64("a") == "YQ==");
    CHECK(encode_base64("") == "");
    for (std::string const text : {"", "a", "ab", "abc", "\xff\x00\x80 user:p@ss"}) CHECK(decode_base64(encode_base64(text)) == text);
    CHECK_FALSE(decode_base64("a b"));
    CHECK(percent_encode("repository:a/b:pull") == "repository%3Aa%2Fb%3Apull");
}

TEST_CASE("the most exact credentials count") {
    constexpr std::string_view document = R"({"auths":{"host:5000":{"auth":"YTpi"},"host:5000/team":{"auth":"Yzpk"},"https://index.docker.io/v1/":{"auth":"ZTpm"},
        "token.example":{"auth":"","identitytoken":"T"},"empty.example":{}},"credsStore":"x"})";
    auto const find = [&](std::string const& host, std::string const& repository) { return CredentialDocument::parse(document, HostPath::parse("/auth.json").value()).value().find(host, repository).value(); };
    CHECK(find("host:5000", "app")->user == "a");
    CHECK(find("host:5000", "team/app")->password == "d");
    CHECK(find("docker.io", "library/nginx")->user == "e");
    CHECK(find("token.example", "x")->identity_token == "T");
    CHECK_FALSE(find("empty.example", "x"));
    CHECK_FALSE(find("other", "x"));
    CHECK_FALSE(CredentialDocument::parse(R"({"auths":{"h":{"auth":"***"}}})", HostPath::parse("/auth.json").value()).value().find("h", "r").ok());
}

TEST_CASE("which hosts are this machine") {
    for (auto const* host : {"localhost", "localhost:5000", "127.0.0.1:80", "127.9.9.9", "[::1]:5000"}) CHECK(is_loopback(host));
    for (auto const* host : {"localhost.example.org", "128.0.0.1", "127.example.org", "[::2]", "docker.io"}) CHECK_FALSE(is_loopback(host));
}

TEST_CASE("pauses are what the server asks for, within reason") {
    HttpHead head;
    CHECK(pause_before_retry(nullptr, 1).count() == 500);
    CHECK(pause_before_retry(&head, 3).count() == 2000);
    head.headers["retry-after"] = "2";
    CHECK(pause_before_retry(&head, 1).count() == 2000);
    head.headers["retry-after"] = "100000";
    CHECK(pause_before_retry(&head, 1).count() == 60000);
    head.headers["retry-after"] = "Wed, 21 Oct 2015 07:28:00 GMT";
    CHECK(pause_before_retry(&head, 1).count() == 0);
}

TEST_CASE("a growing file gives its reader every byte, once") {
    test::Scratch scratch;
    auto const fd = open_file(scratch.path / "part", O_RDWR | O_CREAT, 0600);
    REQUIRE_OK(write_all(fd.value(), "begin-"));
    std::string const more(3'000'000, 'm');
    GrowingFile file(fd.value(), 6, 6 + more.size());
    std::thread writer([&] {
        for (std::size_t at = 0; at < more.size(); at += 100'000) (void)file.append(std::span(more).subspan(at, std::min<std::size_t>(100'000, more.size() - at))).ok();
    });
    std::string read;
    for (;;) {
        auto const piece = file.next();
        if (!piece.ok() || piece.value().empty()) break;
        read.append(piece.value().data(), piece.value().size());
    }
    writer.join();
    CHECK(read == "begin-" + more);
    CHECK(file.append(std::string_view("x")).error().is(EFBIG));
}

TEST_CASE("a growing file's failure wakes its reader") {
    test::Scratch scratch;
    auto const fd = open_file(scratch.path / "part", O_RDWR | O_CREAT, 0600);
    GrowingFile file(fd.value(), 0, 10);
    std::thread writer([&] { file.fail(Error(ECONNRESET, "gone")); });
    CHECK(file.next().error().is(ECONNRESET));
    writer.join();
}

TEST_CASE("a queue is bounded, and ends in order") {
    PieceQueue queue(2);
    std::thread writer([&] {
        for (int i = 0; i < 100; ++i) queue.push(std::string(1, static_cast<char>('a' + i % 26)));
        queue.close();
    });
    std::string read;
    for (auto piece = queue.next(); piece.ok() && !piece.value().empty(); piece = queue.next()) read.append(piece.value().data(), piece.value().size());
    writer.join();
    CHECK(read.size() == 100);
    CHECK(read.starts_with("abcdef"));
    PieceQueue given_up(1);
    given_up.give_up();
    CHECK_FALSE(given_up.push(std::string_view("x")));
    PieceQueue failed(1);
    failed.fail(Error(EINVAL, "bad"));
    CHECK(failed.next().error().is(EINVAL));
}
