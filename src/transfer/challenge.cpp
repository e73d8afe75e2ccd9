#include "transfer/challenge.h"

#include "base/text.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace bolt::transfer {

std::string Challenge::parameter(std::string_view name) const {
    auto const at = parameters.find(name);
    return at == parameters.end() ? "" : at->second;
}

namespace {

bool is_token_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos; }

class Scanner {
public:
    explicit Scanner(std::string_view text) : rest_(text) {}
    bool at_end() const { return rest_.empty(); }
    bool take(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    void skip(std::string_view characters) { rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size())); }
    void skip_one() { rest_.remove_prefix(1); }
    std::string_view token() {
        auto const end = std::find_if_not(rest_.begin(), rest_.end(), is_token_character);
        auto const word = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
        rest_.remove_prefix(word.size());
        return word;
    }
    std::string value() {
        if (!take('"')) return std::string(token());
        std::string text;
        while (!rest_.empty() && !take('"')) {
            if (take('\\') && rest_.empty()) break;
            text += rest_.front();
            rest_.remove_prefix(1);
        }
        return text;
    }

private:
    std::string_view rest_;
};

} // namespace

std::vector<Challenge> parse_challenges(std::string_view header) {
    std::vector<Challenge> challenges;
    Scanner scanner(header);
    for (scanner.skip(" \t,"); !scanner.at_end(); scanner.skip(" \t,")) {
        auto const word = scanner.token();
        if (word.empty()) {
            scanner.skip_one();
            continue;
        }
        scanner.skip(" \t");
        if (!scanner.take('=')) {
            challenges.push_back({in_lower_case(word), {}});
            continue;
        }
        scanner.skip(" \t");
        auto value = scanner.value();
        if (!challenges.empty()) challenges.back().parameters.insert_or_assign(in_lower_case(word), std::move(value));
    }
    return challenges;
}

std::string percent_encode(std::string_view text) {
    std::string encoded;
    for (char const c : text) {
        bool const unreserved = std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' || c == '~';
        if (unreserved)
            encoded += c;
        else
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return encoded;
}

} // namespace bolt::transfer
