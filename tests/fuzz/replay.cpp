// Where libFuzzer is missing (gcc): runs the corpus once. Arguments are files and directories.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size);

namespace {

bool run(std::filesystem::path const& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return false;
    std::vector<char> const bytes(std::istreambuf_iterator<char>(in), {});
    LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size());
    return true;
}

} // namespace

int main(int count, char** arguments) {
    int done = 0;
    for (int i = 1; i < count; ++i) {
        if (!std::filesystem::is_directory(arguments[i])) {
            done += run(arguments[i]);
            continue;
        }
        for (auto const& entry : std::filesystem::directory_iterator(arguments[i])) done += run(entry.path());
    }
    std::printf("%d inputs\n", done);
    return done > 0 ? 0 : 1;
}
