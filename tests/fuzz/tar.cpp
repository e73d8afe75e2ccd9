// An archive, compressed or not, into a directory; whatever it holds, its neighbour in the directory above stays alone.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "image/decompress.h"
#include "image/unpack.h"
#include "sys/file.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
    using namespace bolt;
    namespace fs = std::filesystem;
    static auto const base = [] {
        std::string name = (fs::temp_directory_path() / "bolt-fuzz-XXXXXX").string();
        if (!mkdtemp(name.data())) abort();
        static std::string kept = name;
        atexit([] { (void)remove_tree(HostPath::parse(kept).value()).ok(); });
        return fs::path(name);
    }();
    auto const tree = base / "tree";
    fs::create_directory(tree);
    {
        auto const root = Root::open(HostPath::parse(tree.string()).value());
        image::MemorySource source({reinterpret_cast<char const*>(bytes), size}, 777);
        auto const plain = image::decompress(source);
        (void)image::unpack_layer(*plain, root.value(), {image::UnmappedIds::give_to_user, 1000}).ok();
    }
    if (std::distance(fs::directory_iterator(base), fs::directory_iterator()) != 1) abort();
    if (!remove_tree(HostPath::parse(tree.string()).value())) abort();
    return 0;
}
