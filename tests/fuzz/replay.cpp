// Where libFuzzer is missing (gcc): runs a corpus once. Arguments are the target's name, files and directories.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

using Target = int(std::uint8_t const* bytes, std::size_t size);
extern "C" Target replay_manifest, replay_registry, replay_tar, replay_runtime, replay_seccomp, replay_state;

namespace {

constexpr std::pair<std::string_view, Target*> targets[] = {
    {"manifest", replay_manifest}, {"registry", replay_registry}, {"tar", replay_tar}, {"runtime", replay_runtime}, {"seccomp", replay_seccomp}, {"state", replay_state}};

bool run(Target* target, std::filesystem::path const& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return false;
    std::vector<char> const bytes(std::istreambuf_iterator<char>(in), {});
    target(reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size());
    return true;
}

} // namespace

int main(int count, char** arguments) {
    auto const* const found = std::ranges::find(targets, std::string_view(count > 1 ? arguments[1] : ""), &std::pair<std::string_view, Target*>::first);
    if (found == std::end(targets)) return 2;
    auto const run = [&](std::filesystem::path const& file) { return ::run(found->second, file); };
    int done = 0;
    for (int i = 2; i < count; ++i) {
        if (!std::filesystem::is_directory(arguments[i])) {
            done += run(arguments[i]);
            continue;
        }
        for (auto const& entry : std::filesystem::directory_iterator(arguments[i])) done += run(entry.path());
    }
    std::printf("%d inputs\n", done);
    return done > 0 ? 0 : 1;
}
