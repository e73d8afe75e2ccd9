#include "cli/image_changes.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "sys/path.h"
#include "sys/process.h"

namespace bolt::cli {

namespace {

// ["a", "b"], or none when it is written otherwise.
Result<std::optional<std::vector<std::string>>> parse_list(std::string_view text) {
    if (!text.starts_with('[')) return std::optional<std::vector<std::string>>();
    auto const wrapped = TRY(Json::parse(fmt::format("{{\"list\": {}}}", text)));
    return std::optional(TRY(wrapped.strings("list")));
}

Result<std::vector<std::string>> parse_command(std::string_view text) {
    if (auto list = TRY(parse_list(text))) return std::move(*list);
    return std::vector<std::string>{"/bin/sh", "-c", std::string(text)};
}

// Words as a Dockerfile has them: quotes and backslashes keep blanks together.
Result<std::vector<std::string>> split_words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    bool is_word = false;
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char const letter = text[i];
        bool const escapes = letter == '\\' && quote != '\'' && i + 1 < text.size();
        if (escapes) word += text[++i];
        else if (quote != 0 && letter == quote) quote = 0;
        else if (quote == 0 && (letter == '"' || letter == '\'')) quote = letter;
        else if (quote == 0 && (letter == ' ' || letter == '\t')) {
            if (is_word) words.push_back(std::move(word));
            word.clear();
            is_word = false;
            continue;
        } else word += letter;
        is_word = true;
    }
    if (quote != 0) return Error::of(EINVAL, "a {} is not closed", quote);
    if (is_word) words.push_back(std::move(word));
    return words;
}

// "A=b C=d", or "A the rest".
Result<std::vector<std::pair<std::string, std::string>>> parse_pairs(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> pairs;
    auto const words = TRY(split_words(text));
    if (!words.empty() && words.front().find('=') == std::string::npos) {
        auto const [name, value, found] = cut(text, ' ');
        if (!found) return Error::of(EINVAL, "'{}' has no value", name);
        pairs.emplace_back(name, trim(value));
        return pairs;
    }
    for (auto const& word : words) {
        auto const [name, value, found] = cut(word, '=');
        if (!found || name.empty()) return Error::of(EINVAL, "'{}' is not NAME=VALUE", word);
        pairs.emplace_back(name, value);
    }
    return pairs;
}

Result<void> set_variables(spec::ImageConfig& config, std::string_view text) {
    for (auto const& [name, value] : TRY(parse_pairs(text))) {
        std::erase_if(config.env, [&](auto const& other) { return other.starts_with(name + "="); });
        config.env.push_back(name + "=" + value);
    }
    return {};
}

Result<void> set_labels(spec::ImageConfig& config, std::string_view text) {
    for (auto const& [name, value] : TRY(parse_pairs(text))) {
        std::erase_if(config.labels, [&](auto const& other) { return other.first == name; });
        config.labels.emplace_back(name, value);
    }
    return {};
}

Result<void> add_volumes(spec::ImageConfig& config, std::string_view text) {
    auto const list = TRY(parse_list(text));
    for (auto const& path : list ? *list : TRY(split_words(text)))
        if (std::ranges::find(config.volumes, path) == config.volumes.end()) config.volumes.push_back(path);
    return {};
}

Result<void> add_ports(spec::ImageConfig& config, std::string_view text) {
    for (auto const& word : TRY(split_words(text))) {
        auto const [number, protocol, found] = cut(word, '/');
        auto const port = TRY(parse_unsigned(number));
        if (port == 0 || port > 65535 || (found && protocol != "tcp" && protocol != "udp")) return Error::of(EINVAL, "'{}' is no port", word);
        auto const text_of_port = fmt::format("{}/{}", port, found ? protocol : "tcp");
        if (std::ranges::find(config.exposed_ports, text_of_port) == config.exposed_ports.end()) config.exposed_ports.push_back(text_of_port);
    }
    return {};
}

// For whoever builds upon the image, in their order.
Result<void> add_trigger(spec::ImageConfig& config, std::string_view text) {
    auto triggers = config.others.is_null() ? std::vector<std::string>() : TRY(config.others.strings("OnBuild"));
    triggers.emplace_back(text);
    Json added;
    added.set("OnBuild", Json(triggers));
    config.others.merge(added);
    return {};
}

Result<void> set_directory(spec::ImageConfig& config, std::string_view text) {
    config.working_dir = TRY(RootPath::parse_clamped(text.starts_with('/') ? std::string(text) : fmt::format("{}/{}", config.working_dir, text))).absolute_text();
    return {};
}

Result<void> set_stop_signal(spec::ImageConfig& config, std::string_view text) {
    TRY(parse_signal(text));
    config.stop_signal = text;
    return {};
}

Result<void> apply(spec::ImageConfig& config, std::string_view name, std::string_view rest) {
    if (name == "cmd") config.cmd = TRY(parse_command(rest));
    else if (name == "entrypoint") config.entrypoint = TRY(parse_command(rest));
    else if (name == "env") return set_variables(config, rest);
    else if (name == "expose") return add_ports(config, rest);
    else if (name == "label") return set_labels(config, rest);
    else if (name == "onbuild") return add_trigger(config, rest);
    else if (name == "stopsignal") return set_stop_signal(config, rest);
    else if (name == "user") config.user = rest;
    else if (name == "volume") return add_volumes(config, rest);
    else if (name == "workdir") return set_directory(config, rest);
    else return Error::of(EINVAL, "there are CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR");
    return {};
}

} // namespace

Result<void> apply_change(spec::ImageConfig& config, std::string_view instruction) {
    auto text = std::string(trim(instruction));
    if (text.find('\n') != text.npos) return Error::of(EINVAL, "--change: one instruction each, in one line");
    // docker also takes NAME=VALUE here.
    if (auto const end = text.find_first_of(" =\t"); end != text.npos && text[end] == '=') text[end] = ' ';
    auto const [name, rest, found] = cut(text, ' ');
    if (!found || trim(rest).empty()) return Error::of(EINVAL, "--change '{}': an instruction and its value belong there, as in 'CMD [\"/bin/sh\"]'", instruction);
    return apply(config, in_lower_case(name), trim(rest)).while_doing("--change '{}'", instruction);
}

} // namespace bolt::cli
