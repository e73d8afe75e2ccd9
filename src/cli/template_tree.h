// A parsed template.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace bolt::cli::template_tree {

struct Pipeline;

// One operand: what it starts from, and the fields taken from there.
struct Operand {
    enum class Kind { dot, variable, literal, function, group };
    Kind kind = Kind::dot;
    std::string name;                      // variable or function
    Json literal;
    std::shared_ptr<Pipeline const> group; // (…)
    std::vector<std::string> fields;       // .State.Status
};
using Call = std::vector<Operand>;         // a function or method and its arguments, or a single value

struct Pipeline {
    std::vector<std::string> variables;    // {{$x := …}}; range takes two
    std::vector<Call> calls;               // each gets the one before as its last argument
};

struct Node {
    enum class Kind { text, action, if_, range, with };
    Kind kind = Kind::text;
    std::string text;
    Pipeline pipeline;
    std::vector<Node> body, otherwise;
};

Result<std::vector<Node>> parse(std::string_view text);

// Go's truth: null, false, 0, "" and empty containers are false.
bool is_true(Json const& value);
// As Go's %v prints it.
std::string text_of(Json const& value);
// A function by name. EINVAL for wrong arguments, ENOSYS for a name that is not known.
Result<Json> call_function(std::string_view name, std::vector<Json> const& arguments);
bool is_function(std::string_view name);

} // namespace bolt::cli::template_tree
