// The functions behind tideline_verilated::Shim for @TOP@. Instantiated by tideline_verilated::build.

#include "@TOP@.h"
#include "verilated.h"
#if VM_COVERAGE
#include "verilated_cov.h"
#endif
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

#include <cstdint>
#include <memory>
#if VM_COVERAGE
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#endif

namespace {

struct Instance {
    VerilatedContext context;
    std::unique_ptr<@TOP@> model;
#if VM_COVERAGE
    unsigned evals = 0;
#endif
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> trace;
#endif
};

Instance* of(void* handle) { return static_cast<Instance*>(handle); }

#if VM_COVERAGE
// Two cycles.
constexpr unsigned UNKNOWN_EVALS = 4;

// One file per instance: its process and its number in it.
void write_coverage(VerilatedContext& context) {
    static std::atomic<unsigned> number{0};
    const char* folder = std::getenv("TIDELINE_COVERAGE_DIR");
    if (!folder) return;
    const std::string name = std::to_string(getpid()) + "-" + std::to_string(number++) + ".dat";
    context.coveragep()->write((std::string(folder) + "/" + name).c_str());
}
#endif

}  // namespace

extern "C" {

void* @NAME@_make(bool random, uint32_t seed) {
    auto* instance = new Instance;
    Verilated::threadContextp(&instance->context);
    instance->context.randReset(random ? 2 : 0);
    instance->context.randSeed(static_cast<int>(seed));
    instance->context.traceEverOn(VM_TRACE);
    instance->model = std::make_unique<@TOP@>(&instance->context, "");
    return instance;
}

void @NAME@_free(void* handle) {
#if VM_TRACE
    if (of(handle)->trace) of(handle)->trace->close();
#endif
    of(handle)->model->final();
#if VM_COVERAGE
    write_coverage(of(handle)->context);
#endif
    delete of(handle);
}

void @NAME@_eval(void* handle) {
    of(handle)->model->eval();
#if VM_COVERAGE
    // What the random contents of registers executed before the first cycles of the reset covers nothing.
    if (++of(handle)->evals == UNKNOWN_EVALS) of(handle)->context.coveragep()->zero();
#endif
}

void* @NAME@_address(void* handle, uint32_t port) {
    auto& model = *of(handle)->model;
    void* const addresses[] = {
@ADDRESSES@
    };
    return addresses[port];
}

bool @NAME@_trace_open(void* handle, const char* path) {
#if VM_TRACE
    auto trace = std::make_unique<VerilatedVcdC>();
    of(handle)->model->trace(trace.get(), 99);
    trace->open(path);
    if (!trace->isOpen()) return false;
    of(handle)->trace = std::move(trace);
    return true;
#else
    (void)handle, (void)path;
    return false;
#endif
}

void @NAME@_trace_dump(void* handle, uint64_t time) {
#if VM_TRACE
    if (of(handle)->trace) of(handle)->trace->dump(time);
#else
    (void)handle, (void)time;
#endif
}

}  // extern "C"
