// A directory for one test, removed with it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "catch.h"
#include "sys/file.h"
#include "sys/path.h"

namespace bolt::test {

struct Scratch {
    HostPath path = [] {
        auto name = (std::filesystem::temp_directory_path() / "bolt-test-XXXXXX").string();
        return HostPath::parse(mkdtemp(name.data())).value();
    }();
    Scratch() = default;
    Scratch(Scratch&&) = delete;
    ~Scratch() { (void)remove_tree(path).ok(); }
    std::filesystem::path std_path() const { return path.text(); }
    void write(std::string_view name, std::string_view text) const {
        REQUIRE_OK(make_directories((path / name).parent(), 0755));
        REQUIRE_OK(write_file(path / name, text, 0644, Durability::none));
    }
};

inline std::string contents_of(std::filesystem::path const& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

} // namespace bolt::test
