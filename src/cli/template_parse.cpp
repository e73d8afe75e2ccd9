#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "cli/template_tree.h"

namespace bolt::cli::template_tree {

namespace {

constexpr std::string_view blanks = " \t\r\n";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (static_cast<unsigned char>(c) & 0x80); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Either text, or the inside of {{…}}.
struct Piece {
    bool is_action = false;
    std::string_view text;
};

// Where the action that begins at `from` ends: the position of its "}}", with quoted strings passed over.
std::size_t end_of_action(std::string_view text, std::size_t from) {
    char quote = 0;
    for (std::size_t i = from; i < text.size(); ++i) {
        char const c = text[i];
        if (quote) {
            if (c == '\\' && quote == '"') ++i;
            else if (c == quote) quote = 0;
        } else if (c == '"' || c == '`') quote = c;
        else if (text.substr(i).starts_with("}}")) return i;
    }
    return text.npos;
}

Result<std::vector<Piece>> cut_pieces(std::string_view text) {
    std::vector<Piece> pieces;
    bool trims_next = false;
    while (!text.empty()) {
        auto const open = text.find("{{");
        auto plain = text.substr(0, open);
        if (trims_next) plain.remove_prefix(std::min(plain.find_first_not_of(blanks), plain.size()));
        trims_next = false;
        if (open == text.npos) {
            pieces.push_back({false, plain});
            break;
        }
        bool const is_comment = text.substr(open + 2).starts_with("/*") || text.substr(open + 2).starts_with("- /*");
        auto close = is_comment ? text.find("*/", open) : end_of_action(text, open + 2);
        if (is_comment && close != text.npos) close = text.find("}}", close);
        if (close == text.npos) return Error::of(EINVAL, "template: '{}' has no closing '}}}}'", text.substr(open));
        auto action = text.substr(open + 2, close - open - 2);
        if (action.starts_with('-') && action.size() > 1 && blanks.find(action[1]) != blanks.npos) {
            action.remove_prefix(1);
            plain = plain.substr(0, plain.find_last_not_of(blanks) + 1);
        }
        if (action.size() > 1 && action.ends_with('-') && blanks.find(action[action.size() - 2]) != blanks.npos) {
            action.remove_suffix(1);
            trims_next = true;
        }
        if (!plain.empty()) pieces.push_back({false, plain});
        if (!is_comment) pieces.push_back({true, trim(action)});
        text.remove_prefix(close + 2);
    }
    return pieces;
}

// The inside of one action.
class ActionReader {
public:
    explicit ActionReader(std::string_view text) : text_(text), whole_(text) {}

    bool at_end() {
        skip_blanks();
        return text_.empty();
    }
    std::string_view read_word() {
        skip_blanks();
        std::size_t length = 0;
        while (length < text_.size() && (is_letter(text_[length]) || is_digit(text_[length]))) ++length;
        return take(length);
    }
    // The next word, if it is this one.
    bool take_word(std::string_view word) {
        auto const before = text_;
        if (read_word() == word) return true;
        text_ = before;
        return false;
    }

    Result<Pipeline> read_pipeline() {
        Pipeline pipeline;
        TRY(read_variables(pipeline));
        do {
            Call call;
            while (!at_end() && text_[0] != '|' && text_[0] != ')') {
                auto operand = TRY(read_operand());
                call.push_back(std::move(operand));
            }
            if (call.empty()) return refuse("a value is missing");
            if (call.size() > 1 && call[0].kind != Operand::Kind::function && call[0].fields.empty())
                return refuse("a value that is no function has arguments");
            if (!pipeline.calls.empty() && call[0].kind != Operand::Kind::function && call[0].fields.empty())
                return refuse("what follows '|' is no function");
            pipeline.calls.push_back(std::move(call));
        } while (take_mark("|"));
        return pipeline;
    }

    Error refuse(std::string_view what) const { return Error::of(EINVAL, "template: {} in '{{{{{}}}}}'", what, whole_); }

private:
    void skip_blanks() { text_.remove_prefix(std::min(text_.find_first_not_of(blanks), text_.size())); }
    std::string_view take(std::size_t length) {
        auto const taken = text_.substr(0, length);
        text_.remove_prefix(length);
        return taken;
    }
    bool take_mark(std::string_view mark) {
        skip_blanks();
        if (!text_.starts_with(mark)) return false;
        text_.remove_prefix(mark.size());
        return true;
    }

    Result<void> read_variables(Pipeline& pipeline) {
        auto const before = text_;
        while (take_mark("$")) {
            auto const name = std::string(read_word());
            pipeline.variables.push_back(name);
            if (take_mark(":=") || (!text_.starts_with("==") && take_mark("="))) return {};
            if (!take_mark(",")) break;
        }
        pipeline.variables.clear();
        text_ = before;
        return {};
    }

    Result<Operand> read_operand() {
        skip_blanks();
        Operand operand;
        char const c = text_[0];
        if (c == '.') {
            if (text_.size() > 1 && is_digit(text_[1])) return read_number();
            TRY(read_fields(operand));
            if (operand.fields.empty()) take(1);
            return operand;
        }
        if (c == '"' || c == '`') return read_string();
        if (is_digit(c) || ((c == '-' || c == '+') && text_.size() > 1 && is_digit(text_[1]))) return read_number();
        if (c == '$') {
            take(1);
            operand.kind = Operand::Kind::variable;
            if (!text_.empty() && (is_letter(text_[0]) || is_digit(text_[0]))) operand.name = read_word();
        } else if (c == '(') {
            take(1);
            operand.kind = Operand::Kind::group;
            operand.group = std::make_shared<Pipeline>(TRY(read_pipeline()));
            if (!take_mark(")")) return refuse("')' is missing");
        } else if (is_letter(c)) {
            return read_name();
        } else {
            return refuse(fmt::format("'{}' is not understood", c));
        }
        TRY(read_fields(operand));
        return operand;
    }

    Result<void> read_fields(Operand& operand) {
        while (text_.size() > 1 && text_[0] == '.' && is_letter(text_[1])) {
            take(1);
            operand.fields.emplace_back(read_word());
        }
        return {};
    }

    Result<Operand> read_name() {
        Operand operand;
        auto const name = read_word();
        operand.kind = Operand::Kind::literal;
        if (name == "true" || name == "false") operand.literal = Json(name == "true");
        else if (name == "nil") operand.literal = Json();
        else {
            if (!is_function(name)) return refuse(fmt::format("function '{}' is not known", name));
            operand.kind = Operand::Kind::function;
            operand.name = name;
        }
        return operand;
    }

    Result<Operand> read_number() {
        auto const length = std::min(text_.find_first_not_of("0123456789+-.eE"), text_.size());
        auto const word = take(length);
        Operand operand;
        operand.kind = Operand::Kind::literal;
        if (auto const whole = parse_integer(word); whole) operand.literal = Json(whole.value());
        else {
            double real{};
            auto const [end, failure] = std::from_chars(word.data(), word.data() + word.size(), real);
            if (failure != std::errc{} || end != word.data() + word.size()) return refuse(fmt::format("'{}' is not a number", word));
            operand.literal = Json(real);
        }
        return operand;
    }

    Result<Operand> read_string() {
        char const quote = text_[0];
        std::string value;
        std::size_t i = 1;
        for (; i < text_.size() && text_[i] != quote; ++i) {
            if (quote == '`' || text_[i] != '\\') {
                value += text_[i];
                continue;
            }
            if (++i == text_.size()) break;
            constexpr std::string_view letters = "ntr\\\"", meanings = "\n\t\r\\\"";
            auto const found = letters.find(text_[i]);
            if (found == letters.npos) return refuse(fmt::format("'\\{}' is not understood", text_[i]));
            value += meanings[found];
        }
        if (i >= text_.size()) return refuse("a string is not closed");
        take(i + 1);
        Operand operand;
        operand.kind = Operand::Kind::literal;
        operand.literal = Json(std::move(value));
        return operand;
    }

    std::string_view text_, whole_;
};

class Parser {
public:
    explicit Parser(std::vector<Piece> pieces) : pieces_(std::move(pieces)) {}

    Result<std::vector<Node>> parse_all() {
        auto nodes = TRY(parse_body());
        if (at_ < pieces_.size()) return Error::of(EINVAL, "template: '{{{{{}}}}}' has nothing that it belongs to", pieces_[at_].text);
        return nodes;
    }

private:
    // Up to {{end}} or {{else…}}, which is left to be read.
    Result<std::vector<Node>> parse_body() {
        std::vector<Node> nodes;
        for (; at_ < pieces_.size(); ++at_) {
            auto const& piece = pieces_[at_];
            Node node;
            if (!piece.is_action) {
                node.text = piece.text;
                nodes.push_back(std::move(node));
                continue;
            }
            ActionReader reader(piece.text);
            if (reader.take_word("end") || reader.take_word("else")) return nodes;
            if (reader.take_word("if")) node.kind = Node::Kind::if_;
            else if (reader.take_word("range")) node.kind = Node::Kind::range;
            else if (reader.take_word("with")) node.kind = Node::Kind::with;
            else node.kind = Node::Kind::action;
            for (std::string_view const word : {"define", "template", "block", "break", "continue"})
                if (reader.take_word(word)) return reader.refuse(fmt::format("'{}' is not supported", word));
            if (node.kind == Node::Kind::action) TRY(read_pipeline(reader, node));
            else TRY(parse_block(reader, node, piece.text));
            nodes.push_back(std::move(node));
        }
        return nodes;
    }

    static Result<void> read_pipeline(ActionReader& reader, Node& node) {
        if (reader.at_end()) return reader.refuse("a value is missing");
        node.pipeline = TRY(reader.read_pipeline());
        if (!reader.at_end()) return reader.refuse("something is left over");
        return {};
    }

    // Situation: at the {{if …}} or {{else if …}} itself. Leaves at the {{end}}.
    Result<void> parse_block(ActionReader& reader, Node& node, std::string_view opening) {
        TRY(read_pipeline(reader, node));
        ++at_;
        node.body = TRY(parse_body());
        if (at_ == pieces_.size()) return Error::of(EINVAL, "template: '{{{{{}}}}}' has no '{{{{end}}}}'", opening);
        ActionReader next(pieces_[at_].text);
        if (!next.take_word("else")) return {};
        if (next.at_end()) {
            ++at_;
            node.otherwise = TRY(parse_body());
            if (at_ == pieces_.size()) return Error::of(EINVAL, "template: '{{{{{}}}}}' has no '{{{{end}}}}'", opening);
            return {};
        }
        Node inner;
        if (next.take_word("if")) inner.kind = Node::Kind::if_;
        else if (next.take_word("with")) inner.kind = Node::Kind::with;
        else return next.refuse("what follows 'else' is not understood");
        TRY(parse_block(next, inner, opening));
        node.otherwise.push_back(std::move(inner));
        return {};
    }

    std::vector<Piece> pieces_;
    std::size_t at_ = 0;
};

} // namespace

Result<std::vector<Node>> parse(std::string_view text) { return Parser(TRY(cut_pieces(text))).parse_all(); }

} // namespace bolt::cli::template_tree
