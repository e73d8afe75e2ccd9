// bolt: what people type. Nothing but main, so that tests can link the rest.
#include "cli/commands.h"
#include "sys/fd.h"

int main(int argc, char** argv) {
    bolt::fill_standard_streams();
    return bolt::cli::perform_words(bolt::cli::Words(argv + (argc > 0), argv + argc));
}
