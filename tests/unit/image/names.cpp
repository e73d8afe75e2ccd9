#include "catch.h"

#include "image/digest.h"
#include "image/hasher.h"
#include "image/platform.h"
#include "image/reference.h"

using namespace bolt;
using image::Digest;
using image::Reference;

namespace {
std::string const hex64(64, 'a');
image::NameDefaults const docker{"docker.io"};
std::string canonical(std::string_view text) {
    auto const reference = Reference::parse(text, docker);
    return reference ? reference.value().text() : "refused";
}
} // namespace

TEST_CASE("references are completed as docker completes them") {
    CHECK(canonical("nginx") == "docker.io/library/nginx:latest");
    CHECK(canonical("nginx:1.25") == "docker.io/library/nginx:1.25");
    CHECK(canonical("user/app") == "docker.io/user/app:latest");
    CHECK(canonical("docker.io/nginx") == "docker.io/library/nginx:latest");
    CHECK(canonical("index.docker.io/nginx") == "docker.io/library/nginx:latest");
    CHECK(canonical("localhost/app") == "localhost/app:latest");
    CHECK(canonical("localhost:5000/app:v1") == "localhost:5000/app:v1");
    CHECK(canonical("[::1]:5000/a/b__c/d-e.f:T_1") == "[::1]:5000/a/b__c/d-e.f:T_1");
    CHECK(canonical("quay.io/ns/app@sha256:" + hex64) == "quay.io/ns/app@sha256:" + hex64);
    CHECK(canonical("app:v1@sha256:" + hex64) == "docker.io/library/app:v1@sha256:" + hex64);
    CHECK(canonical("bolt://shell") == "bolt://shell:latest");
    CHECK(canonical("bolt://shell:2") == "bolt://shell:2");
    CHECK(canonical("bolt/foo") == "docker.io/bolt/foo:latest");
    CHECK(Reference::parse("app", {"example.org:5000"}).value().text() == "example.org:5000/app:latest");
}

TEST_CASE("what is no reference is refused") {
    for (std::string_view const text : {"", "Nginx", "a//b", "a/../b", "-a", "a-", "a..b", "a___b", "a:", "a:-x", "a@sha256:12", "a@md5:1234", "host:port/a", "ho_st.x/a", "a b",
                                        "/a", "a/", "bolt://", "bolt://../x", "a\nb"})
        CHECK(canonical(text) == "refused");
    CHECK(canonical(std::string(300, 'a')) == "refused");
    CHECK(canonical(std::string(250, 'a')) == "refused"); // too long once it is complete
    CHECK(canonical(hex64) == "refused"); // an id
    CHECK(canonical("a:" + std::string(129, 'b')) == "refused");
}

TEST_CASE("short names and bolt:// know each other") {
    auto const shell = Reference::parse("shell", docker).value();
    CHECK(shell.was_short());
    CHECK(shell.shipped_namesake()->text() == "bolt://shell:latest");
    CHECK(Reference::parse("bolt://shell").value().registry_namesake(docker).value().text() == "docker.io/library/shell:latest");
    CHECK_FALSE(Reference::parse("user/shell", docker).value().shipped_namesake());
    CHECK_FALSE(Reference::parse("docker.io/library/shell", docker).value().shipped_namesake());
    CHECK(shell.familiar_name() == "shell");
    CHECK(Reference::parse("quay.io/a/b").value().familiar_name() == "quay.io/a/b");
}

TEST_CASE("digests") {
    CHECK(Digest::parse("sha256:" + hex64).value().brief() == "aaaaaaaaaaaa");
    CHECK(Digest::parse("sha512:" + hex64 + hex64).value().algorithm() == Digest::Algorithm::sha512);
    for (auto const& text : {std::string("sha256:"), "sha256:" + hex64 + "a", "sha256:" + std::string(64, 'A'), "sha512:" + hex64, hex64, "sha384:" + hex64, std::string("sha256:../../x")})
        CHECK_FALSE(Digest::parse(text).ok());
    CHECK(image::Hasher::of(std::string_view("abc")).text() == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(image::Hasher::of(std::string_view(""), Digest::Algorithm::sha512).text().starts_with("sha512:cf83e1357eefb8bd"));
}

TEST_CASE("platforms") {
    using spec::ImagePlatform;
    CHECK(image::parse_platform("linux/arm64").value() == ImagePlatform{"linux", "arm64", "v8"});
    CHECK(image::parse_platform("x86_64").value() == ImagePlatform{"linux", "amd64", ""});
    CHECK_FALSE(image::parse_platform("linux/").ok());
    CHECK_FALSE(image::parse_platform("a/b/c/d").ok());
    CHECK(image::distance({"linux", "arm", "v7"}, {"linux", "arm", "v6"}) == 1);
    CHECK_FALSE(image::distance({"linux", "arm", "v6"}, {"linux", "arm", "v7"}));
    CHECK_FALSE(image::distance({"linux", "amd64", ""}, {"linux", "amd64", "v3"}));
    CHECK(image::distance({"linux", "arm64", ""}, {"linux", "aarch64", "v8"}) == 0);
    CHECK_FALSE(image::distance({"linux", "amd64", ""}, {"windows", "amd64", ""}));
}

TEST_CASE("the best of an index is chosen, attestations are not") {
    spec::ImageIndex index;
    auto const add = [&](std::string_view digest, std::optional<spec::ImagePlatform> platform) {
        spec::Descriptor descriptor;
        descriptor.media_type = spec::media_type::oci_manifest;
        descriptor.digest = digest;
        descriptor.platform = std::move(platform);
        index.manifests.push_back(std::move(descriptor));
    };
    add("unknown", spec::ImagePlatform{"unknown", "unknown", ""});
    add("v5", spec::ImagePlatform{"linux", "arm", "v5"});
    add("v6", spec::ImagePlatform{"linux", "arm", "v6"});
    CHECK(image::choose(index, {"linux", "arm", "v7"}).value().digest == "v6");
    CHECK(image::choose(index, {"linux", "arm", "v5"}).value().digest == "v5");
    auto const none = image::choose(index, {"linux", "amd64", ""});
    REQUIRE_FALSE(none.ok());
    CHECK(none.error().text() == "there is no image for linux/amd64; there is one for linux/arm/v5, linux/arm/v6: choose with --platform");
}
