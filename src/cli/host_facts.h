// What bolt finds on this machine, for `bolt info`: facts, and what is missing for more, with the package that has it.
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "engine/installation.h"

namespace bolt::cli {

// {"Rootless": …, "UserNamespace": {…}, "Storage": {…}, "Cgroups": {…}, "Networks": {…}, …}
Result<Json> host_facts(engine::Installation const& here);

} // namespace bolt::cli
