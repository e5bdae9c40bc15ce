#include "launch/command/run_main.h"

int main(int argc, char** argv) { return hearth::RunMain(argc, argv); }
