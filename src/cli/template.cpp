#include "cli/template.h"

#include <algorithm>

#include "base/text.h"
#include "cli/template_tree.h"

namespace bolt::cli {

namespace {

using namespace template_tree;

enum class Purpose { value, header };

class Evaluation {
public:
    Evaluation(Json const& top, TemplateMethod const& method, Purpose purpose) : top_(top), method_(method), purpose_(purpose) {
        variables_.emplace_back("", top);
    }

    Result<void> run(std::vector<Node> const& nodes, Json const& dot) {
        for (auto const& node : nodes) TRY(run(node, dot));
        return {};
    }
    std::string text;

private:
    Result<void> run(Node const& node, Json const& dot) {
        if (node.kind == Node::Kind::text) {
            text += node.text;
            return {};
        }
        auto const mark = variables_.size();
        auto const value = TRY(evaluate(node.pipeline, dot));
        if (node.kind == Node::Kind::action) {
            if (node.pipeline.variables.empty()) text += text_of(value);
            else assign(node.pipeline.variables[0], value);
            return {};
        }
        auto const done = run_block(node, value, dot);
        variables_.resize(std::max(mark, std::size_t{1}));
        return done;
    }

    Result<void> run_block(Node const& node, Json const& value, Json const& dot) {
        if (node.kind == Node::Kind::range) return run_range(node, value, dot);
        if (!is_true(value)) return run(node.otherwise, dot);
        if (!node.pipeline.variables.empty()) variables_.emplace_back(node.pipeline.variables[0], value);
        return run(node.body, node.kind == Node::Kind::with ? value : dot);
    }

    Result<void> run_range(Node const& node, Json const& value, Json const& dot) {
        if (!is_true(value)) return run(node.otherwise, dot);
        auto const each = [&](Json const& key, Json const& element) {
            auto const mark = variables_.size();
            auto const& names = node.pipeline.variables;
            if (names.size() == 2) variables_.emplace_back(names[0], key);
            if (!names.empty()) variables_.emplace_back(names.back(), element);
            auto done = run(node.body, element);
            variables_.resize(mark);
            return done;
        };
        if (auto const* const array = value.find_array()) {
            for (std::size_t i = 0; i < array->size(); ++i) TRY(each(Json(static_cast<std::int64_t>(i)), (*array)[i]));
            return {};
        }
        auto const* const object = value.find_object();
        if (!object) return Error::of(EINVAL, "template: range cannot go over {}", value.kind());
        auto sorted = *object;
        std::sort(sorted.begin(), sorted.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
        for (auto const& [key, element] : sorted) TRY(each(Json(key), element));
        return {};
    }

    // A variable that is there is set, whether by ":=" or "=": templates of one line do not shadow.
    void assign(std::string const& name, Json const& value) {
        for (auto& [known, held] : variables_)
            if (known == name) {
                held = value;
                return;
            }
        variables_.emplace_back(name, value);
    }

    Result<Json> evaluate(Pipeline const& pipeline, Json const& dot) {
        std::optional<Json> before;
        for (auto const& call : pipeline.calls) {
            auto value = TRY(evaluate(call, dot, before));
            before = std::move(value);
        }
        return std::move(*before);
    }

    Result<Json> evaluate(Call const& call, Json const& dot, std::optional<Json> const& piped) {
        std::vector<Json> arguments;
        for (std::size_t i = 1; i < call.size(); ++i) {
            auto argument = TRY(evaluate(call[i], dot));
            arguments.push_back(std::move(argument));
        }
        if (piped) arguments.push_back(*piped);
        if (call[0].kind == Operand::Kind::function) return apply(call[0].name, arguments);
        if (arguments.empty()) return evaluate(call[0], dot);
        return call_method(call[0], dot, arguments);
    }

    Result<Json> apply(std::string const& name, std::vector<Json> const& arguments) {
        constexpr std::string_view changing[] = {"json", "lower", "upper", "title", "truncate", "pad", "join", "split"};
        bool const keeps = purpose_ == Purpose::header && std::find(std::begin(changing), std::end(changing), name) != std::end(changing);
        if (!keeps) return call_function(name, arguments);
        for (auto const& argument : arguments)
            if (argument.find_string() && is_true(argument)) return argument;
        return Json("");
    }

    Result<Json> call_method(Operand const& operand, Json const& dot, std::vector<Json> const& arguments) {
        auto const& name = operand.fields.back();
        bool const of_top = operand.fields.size() == 1 && (operand.kind == Operand::Kind::variable ? operand.name.empty() : &dot == &top_);
        if (of_top && method_)
            if (auto answer = method_(name, arguments)) return std::move(*answer);
        return Error::of(EINVAL, "template: '.{}' takes no arguments", join(operand.fields, "."));
    }

    Result<Json> evaluate(Operand const& operand, Json const& dot) {
        switch (operand.kind) {
        case Operand::Kind::dot: return take_fields(dot, operand);
        case Operand::Kind::literal: return operand.literal;
        case Operand::Kind::function: return apply(operand.name, {});
        case Operand::Kind::group: return take_fields(TRY(evaluate(*operand.group, dot)), operand);
        case Operand::Kind::variable: break;
        }
        for (auto at = variables_.rbegin(); at != variables_.rend(); ++at)
            if (at->first == operand.name) return take_fields(at->second, operand);
        return Error::of(EINVAL, "template: there is no variable '${}'", operand.name);
    }

    // Go's maps of names that are anybody's: one that is not there has no value, and is no mistake.
    static bool is_map(std::string_view field) { return field == "Labels" || field == "Annotations"; }

    static Result<Json> take_fields(Json const& from, Operand const& operand) {
        auto const* value = &from;
        std::string_view before;
        for (auto const& field : operand.fields) {
            auto const* const object = value->find_object();
            if (is_map(before) && (value->is_null() || (object && !value->find(field)))) return Json();
            before = field;
            if (!object) return Error::of(EINVAL, "template: there is no field '{}' in {} (of '.{}')", field, value->kind(), join(operand.fields, "."));
            auto const found = std::find_if(object->begin(), object->end(), [&](auto const& member) { return member.first == field; });
            if (found == object->end()) return no_such_field(*object, field);
            value = &found->second;
        }
        return *value;
    }

    static Error no_such_field(Json::Object const& object, std::string_view field) {
        std::vector<std::string> names;
        for (auto const& member : object) names.push_back("." + member.first);
        if (names.size() > 30) names.resize(30);
        return Error::of(EINVAL, "template: there is no field '.{}'; there are {}", field, names.empty() ? "none" : join(names, ", "));
    }

    Json const& top_;
    TemplateMethod const& method_;
    Purpose purpose_;
    std::vector<std::pair<std::string, Json>> variables_; // innermost last; "" is $
};

Result<std::string> evaluate(std::vector<Node> const& nodes, Json const& top, TemplateMethod const& method, Purpose purpose) {
    Evaluation evaluation(top, method, purpose);
    TRY(evaluation.run(nodes, top));
    return std::move(evaluation.text);
}

} // namespace

Result<Template> Template::parse(std::string_view text) {
    Template parsed;
    parsed.nodes_ = std::make_shared<std::vector<Node>>(TRY(template_tree::parse(text)));
    return parsed;
}

Result<std::string> Template::render(Json const& top, TemplateMethod const& method) const { return evaluate(*nodes_, top, method, Purpose::value); }
Result<std::string> Template::render_header(Json const& titles, TemplateMethod const& method) const {
    return evaluate(*nodes_, titles, method, Purpose::header);
}

} // namespace bolt::cli
