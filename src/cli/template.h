// The part of Go's text/template that people give to --format: fields, pipelines, if/else, range, with, variables, and
// docker's functions. Evaluated over JSON. What is not known is refused by name. https://pkg.go.dev/text/template
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace bolt::cli {

namespace template_tree {
struct Node;
}

// A call like {{.Label "name"}} on the top value: none when there is no such method.
using TemplateMethod = std::function<std::optional<Json>(std::string_view name, std::span<Json const> arguments)>;

class Template {
public:
    // EINVAL says what is wrong with the text.
    static Result<Template> parse(std::string_view text);

    // Fields that the value does not have are EINVAL naming them.
    Result<std::string> render(Json const& top, TemplateMethod const& method = {}) const;
    // For a table's first line: functions that change a value leave column titles as they are.
    Result<std::string> render_header(Json const& titles, TemplateMethod const& method = {}) const;

private:
    std::shared_ptr<std::vector<template_tree::Node> const> nodes_;
};

} // namespace bolt::cli
