// Runs while bolt is built: the default profile as a BPF program, so that `bolt run` neither reads JSON nor compiles.
// Writes a C++ file to standard output.
#include <cstdio>

#include "base/ids.h"
#include "engine/capabilities.h"
#include "engine/seccomp_profile.h"
#include "oci/seccomp.h"
#include "spec/runtime.h"

namespace {

using namespace bolt;

Result<std::string> compile_default_profile() {
    auto const capabilities = TRY(engine::choose_capabilities({}, {}));
    Json document;
    document.set("ociVersion", "1.2.0").set("root", Json().set("path", "rootfs"));
    document.set("linux", Json().set("namespaces", Json().push(Json().set("type", "mount"))).set("seccomp", engine::seccomp_document(capabilities)));
    auto const spec = TRY(spec::parse_runtime(document));
    return oci::compile_seccomp(*spec.linux_.seccomp);
}

} // namespace

int main() {
    auto const program = compile_default_profile();
    if (!program) {
        fmt::print(stderr, "seccomp_generator: {}\n", program.error().text());
        return 1;
    }
    fmt::print("// Made by seccomp_generator.cpp from seccomp_profile.cpp.\n#include \"engine/seccomp_profile.h\"\n\nnamespace bolt::engine {{\n\n"
               "std::string_view default_seccomp_program_in_hex() {{\n    return");
    auto const hex = bolt::to_hex({reinterpret_cast<unsigned char const*>(program.value().data()), program.value().size()});
    for (std::size_t at = 0; at < hex.size(); at += 128) fmt::print("\n        \"{}\"", hex.substr(at, 128));
    fmt::print(";\n}}\n\n}} // namespace bolt::engine\n");
}
