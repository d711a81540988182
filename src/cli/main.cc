#include "cli/verbs.h"

int main(int argc, char** argv) { return fairlead::cli::run_command_line(argc, argv); }
