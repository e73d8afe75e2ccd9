// The files that a command finds what another one left in: bolt-oci's state.json, and the monitor's.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cli/oci_container.h"
#include "monitor/state.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
    using namespace bolt;
    std::string_view const text(reinterpret_cast<char const*>(bytes), size);
    auto const record = cli::parse_container_record(text);
    // What was read and written again reads the same.
    if (record) {
        auto const written = cli::to_json(record.value()).dump();
        auto const again = cli::parse_container_record(written);
        if (!again || cli::to_json(again.value()).dump() != written) abort();
    }
    auto const document = Json::parse(text);
    auto const state = document ? monitor::parse_state(document.value()) : Result<monitor::State>(document.error());
    if (state) (void)monitor::to_json(state.value()).dump();
    return 0;
}
