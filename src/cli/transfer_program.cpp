#include "cli/transfer_program.h"

#include <unistd.h>

#include "engine/installation.h"

namespace bolt::cli {

Result<int> replace_by_transfer(std::string_view command, Words const& arguments) {
    auto const here = TRY(engine::open_installation());
    std::string name(command);
    std::vector<char*> pointers{const_cast<char*>("bolt-transfer"), name.data()}; // execv's signature; it does not write
    for (auto const& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
    pointers.push_back(nullptr);
    execv(here.transfer.c_str(), pointers.data());
    return Error::from_errno("run '{}'", here.transfer);
}

} // namespace bolt::cli
