// A directory for one test, removed with it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "sys/file.h"
#include "sys/path.h"

namespace bolt::test {

class Scratch {
public:
    Scratch() {
        auto const base = std::filesystem::temp_directory_path() / "bolt-test-XXXXXX";
        std::string name = base.string();
        path_ = mkdtemp(name.data());
    }
    Scratch(Scratch&&) = delete;
    ~Scratch() { (void)remove_tree(HostPath::parse(path_).value()).ok(); }
    std::filesystem::path path() const { return path_; }
    HostPath host_path() const { return HostPath::parse(path_).value(); }

private:
    std::string path_;
};

inline std::string contents_of(std::filesystem::path const& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

} // namespace bolt::test
