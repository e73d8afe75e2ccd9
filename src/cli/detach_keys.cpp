#include "base/text.h"
#include "cli/attach_client.h"

namespace bolt::cli {

Result<std::string> parse_detach_keys(std::string_view text) {
    std::string keys;
    for (auto const key : split(text, ',')) {
        if (key.size() == 1) {
            keys += key[0];
            continue;
        }
        constexpr std::string_view prefix = "ctrl-", signs = "@abcdefghijklmnopqrstuvwxyz[\\]^_";
        auto const place = key.starts_with(prefix) && key.size() == prefix.size() + 1 ? signs.find(key[prefix.size()]) : signs.npos;
        if (place == signs.npos)
            return Error::of(EINVAL, "'{}' is no key to detach with; write letters or ctrl- with one of a-z @ [ \\ ] ^ _, separated by ','", key);
        keys += static_cast<char>(place);
    }
    return keys;
}

DetachKeys::Typed DetachKeys::pass(std::string_view typed) {
    if (keys_.empty()) return {std::string(typed)};
    std::string passed;
    for (char const c : typed) {
        if (c == keys_[seen_]) {
            if (++seen_ == keys_.size()) return {std::move(passed), true};
            continue;
        }
        // The beginning of the keys was no beginning after all; this key may begin them anew.
        passed += keys_.substr(0, seen_);
        seen_ = 0;
        if (c == keys_[0] && keys_.size() > 1) seen_ = 1;
        else passed += c;
    }
    return {std::move(passed)};
}

} // namespace bolt::cli
