// bolt-transfer: everything that speaks HTTP or packs layers. `bolt pull` and others become this program; `bolt run` starts it for an
// image that is missing.
//
// Situation: any user. It goes into the user's user namespace first, while it has no threads; where the store is was decided
//            before, since inside everybody is user 0.
#include "cli/output.h"
#include "cli/transfer_command.h"

int main(int count, char** words) {
    using namespace bolt::cli;
    bolt::fill_standard_streams();
    Words arguments(words + 1, words + count);
    for (auto const* const command : {&transfer_pull_command, &transfer_push_command, &transfer_save_command, &transfer_load_command, &transfer_login_command, &transfer_logout_command,
                                      &transfer_commit_command, &transfer_import_command, &transfer_store_check_command,
                                      &transfer_manifest_push_command, &transfer_manifest_inspect_command, &transfer_artifact_ls_command, &transfer_artifact_pull_command, &transfer_artifact_push_command, &transfer_image_sign_command, &transfer_image_verify_command, &transfer_image_trust_command, &transfer_search_command}) {
        if (arguments.empty() || arguments[0] != command->name) continue;
        arguments.erase(arguments.begin());
        return command->perform(*command, arguments);
    }
    say("bolt-transfer is started by other commands; its own are: pull, push, save, load, login, logout, commit, import, 'store check', 'manifest push', 'manifest inspect', 'artifact ls', 'artifact pull', 'artifact push', 'image sign', 'image verify', 'image trust', search");
    return wrong_option;
}
