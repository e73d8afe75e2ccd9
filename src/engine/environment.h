// The variables a container's command sees.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bolt::engine {

// "NAME=value" in the order in which names first came; a later value of a name takes the earlier one's place.
class Environment {
public:
    void set(std::string_view assignment);          // "NAME=value"
    void set_unless_there(std::string_view assignment);
    bool has(std::string_view name) const;
    std::vector<std::string> const& list() const { return list_; }

private:
    std::vector<std::string> list_;
};

inline constexpr std::string_view default_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// What the user wrote with -e: "NAME=value", or "NAME" for the caller's value; a name that the caller has not is left out.
// EINVAL for an empty name.
Result<void> add_given(Environment& environment, std::vector<std::string> const& given);

} // namespace bolt::engine
