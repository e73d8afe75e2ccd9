// bolt export.
#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/output_file.h"
#include "cli/perform.h"
#include "engine/container_tree.h"
#include "sys/user_namespace.h"

namespace bolt::cli {

namespace {

struct ExportOptions {
    std::optional<HostPath> output;
};

Result<int> write_container(ExportOptions& options, Words const& words) {
    TRY(refuse_terminal(options.output));
    auto const here = TRY(engine::open_installation());
    auto const container = TRY(engine::find_container(here, words[0]));
    TRY(enter_user_namespace_of_caller(here.user_namespace_holders));
    expect_interrupts();
    TRY(write_whole(options.output, [&](FdRef file) {
        image::TarWriter archive([&](std::span<char const> piece) -> Result<void> {
            if (is_interrupted()) return Error::of(ECANCELED, "interrupted");
            return write_all(file, {piece.data(), piece.size()}).while_doing("write the archive");
        });
        return engine::write_files(container, archive);
    }));
    return 0;
}

constexpr Option export_table[] = {
    {"output", 'o', "path", "Write to this file instead of standard output", Set<ExportOptions>::parsed<&ExportOptions::output, HostPath::absolute>, offers_files},
};

} // namespace

constexpr Command export_command{.name = "export", .arguments = "CONTAINER", .summary = "Write a container's files to an archive", .options = export_table, .least = 1, .most = 1,
                                 .names = Names::containers, .perform = perform<ExportOptions, write_container>};

} // namespace bolt::cli
