// What Verilator's runtime calls when a design ends the simulation.
//
// Its own handlers exit the process, some of them without a word and with status 0. No design of ours has a $finish or
// $stop, and a model that did not converge must not go on: say where, and abort.

#include "verilated.h"

#include <cstdio>
#include <cstdlib>

namespace {

[[noreturn]] void end(const char* what, const char* file, int line, const char* scope) {
    std::fprintf(stderr, "verilated model: %s at %s:%d in %s\n", what, file ? file : "?", line, scope ? scope : "?");
    std::fflush(stderr);
    std::abort();
}

}  // namespace

void vl_finish(const char* file, int line, const char* scope) { end("$finish", file, line, scope); }
void vl_stop(const char* file, int line, const char* scope) { end("$stop", file, line, scope); }
void vl_fatal(const char* file, int line, const char* scope, const char* message) { end(message, file, line, scope); }
