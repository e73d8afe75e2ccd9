// bolt: what people type. Nothing but main, so that tests can link the rest.
#include <fcntl.h>

#include "cli/commands.h"

namespace {

// A standard stream that the caller closed would be the number of the next file that is opened, and be written to.
void fill_standard_streams() {
    for (int number = 0; number <= 2; ++number)
        if (fcntl(number, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return; // without /dev/null there is nothing to fill them with
}

} // namespace

int main(int argc, char** argv) {
    fill_standard_streams();
    return bolt::cli::perform_words(bolt::cli::Words(argv + (argc > 0), argv + argc));
}
