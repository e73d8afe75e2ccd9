#include "catch.h"

#include "spec/image.h"
#include "spec/image_manifest.h"

using namespace bolt;

TEST_CASE("an image's configuration, with everything and with nothing") {
    auto const full = spec::parse_image_document(R"({"architecture":"arm64","os":"linux","variant":"v8","created":"2026-01-02T03:04:05Z",
        "config":{"User":"web:www","ExposedPorts":{"80/tcp":{}},"Env":["A=b"],"Entrypoint":["/e"],"Cmd":["c","d"],"Volumes":{"/data":{}},"WorkingDir":"/w",
        "Labels":{"k":"v"},"StopSignal":"SIGQUIT","Healthcheck":{"Test":["CMD","true"]},"Unknown":1},
        "rootfs":{"type":"layers","diff_ids":["sha256:aa","sha256:bb"]},"history":[{}]})");
    REQUIRE_OK(full);
    auto const& config = full.value().config;
    CHECK(full.value().platform.text() == "linux/arm64/v8");
    CHECK(full.value().diff_ids.size() == 2);
    CHECK(config.user == "web:www");
    CHECK(config.exposed_ports == std::vector<std::string>{"80/tcp"});
    CHECK(config.volumes == std::vector<std::string>{"/data"});
    CHECK(config.cmd == std::vector<std::string>{"c", "d"});
    CHECK(config.stop_signal == "SIGQUIT");
    CHECK(config.healthcheck.find("Test") != nullptr);
    CHECK(spec::parse_image_config(spec::to_json(config)).value() == config);

    auto const bare = spec::parse_image_document(R"({"config":null,"rootfs":{"type":"layers","diff_ids":null}})");
    REQUIRE_OK(bare);
    CHECK(bare.value().config == spec::ImageConfig{});
    CHECK_FALSE(bare.value().created);
}

TEST_CASE("configurations that are none") {
    for (std::string_view const text : {"", "[]", "{}", R"({"rootfs":{"type":"zip"}})", R"({"rootfs":{},"config":[]})", R"({"rootfs":{"diff_ids":[1]}})", R"({"rootfs":{},"config":{"Env":"x","User":3}})"})
        CHECK_FALSE(spec::parse_image_document(text).ok());
}

TEST_CASE("manifests and indexes are told apart") {
    constexpr std::string_view manifest = R"({"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:1","size":2},"layers":[{"mediaType":"l","digest":"sha256:3","size":4,"urls":["u"]}]})";
    auto const parsed = spec::parse_manifest_or_index(manifest, "");
    REQUIRE_OK(parsed);
    auto const& image = std::get<spec::ImageManifest>(parsed.value());
    CHECK(image.config.digest == "sha256:1");
    CHECK(image.layers.at(0).size == 4);
    auto const index = spec::parse_manifest_or_index(R"({"schemaVersion":2,"manifests":[{"mediaType":"m","digest":"sha256:1","size":1,"platform":{"os":"linux","architecture":"amd64"},"annotations":{"a":"b"}}]})", "");
    REQUIRE_OK(index);
    CHECK(std::get<spec::ImageIndex>(index.value()).manifests.at(0).annotation("a") == "b");
    CHECK(std::get<spec::ImageIndex>(index.value()).manifests.at(0).platform->architecture == "amd64");
}

TEST_CASE("manifests that are refused, by what is wrong with them") {
    auto const why = [](std::string_view text, std::string_view type = "") {
        auto const parsed = spec::parse_manifest_or_index(text, type);
        return parsed ? std::string("accepted") : parsed.error().text();
    };
    CHECK(why(R"({"schemaVersion":1,"fsLayers":[]})").find("schema 1") != std::string::npos);
    CHECK(why(R"({})", spec::media_type::docker_schema1_signed).find("schema 1") != std::string::npos);
    CHECK(why(R"({"schemaVersion":2,"manifests":[],"layers":[]})").find("at once") != std::string::npos);
    CHECK(why(R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","layers":[]})").find("media type") != std::string::npos);
    CHECK(why(R"({"schemaVersion":2})").find("no 'config'") != std::string::npos);
    CHECK(why(R"({"schemaVersion":2,"config":{"digest":"sha256:1","size":-1}})").find("'size'") != std::string::npos);
    CHECK(why(R"({"schemaVersion":2,"config":{"size":1}})").find("'digest'") != std::string::npos);
    CHECK(why("nonsense").find("JSON") != std::string::npos);
}

TEST_CASE("which media types are layers") {
    CHECK(spec::layer_compression_of("application/vnd.oci.image.layer.v1.tar+zstd").value() == spec::LayerCompression::zstd);
    CHECK(spec::layer_compression_of("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip").value() == spec::LayerCompression::gzip);
    CHECK_FALSE(spec::layer_compression_of("application/vnd.oci.empty.v1+json").ok());
}

TEST_CASE("the year 1 is no time of creation") {
    auto const created = [](char const* text) { return spec::find_creation_time(Json::object().set("created", text)); };
    CHECK(created("0001-01-01T00:00:00Z").value() == std::nullopt);
    CHECK(created("").value() == std::nullopt);
    CHECK(created("2026-11-21T04:44:16Z").value().has_value());
    CHECK_FALSE(created("yesterday").ok());
}
