/*
 * The CPU driver's entry: a call that does nothing, an invocation that reads one capability.
 */
#include "libos/core/invoke.h"
#include "libos/core/syscall.h"
#include "user/bench/bench.h"

#define SAMPLES 20
#define LOOPS 1000

static err_t measure_null_syscall(const struct measure *m)
{
	double values[SAMPLES];
	BENCH_SAMPLES(values, SAMPLES, LOOPS, sys_null());
	report_samples(m, m->name, 1, values, SAMPLES);
	return ERR_OK;
}

static err_t measure_null_invoke(const struct measure *m)
{
	double values[SAMPLES];
	struct cap_info info = { 0 };
	BENCH_SAMPLES(values, SAMPLES, LOOPS, cap_identify(TASK_VSPACE, &info));
	report_samples(m, m->name, 1, values, SAMPLES);
	return info.type == CAP_PTABLE4 ? ERR_OK : ERR_CAP_TYPE;
}

const struct measure kernel_measures[] = {
	{ "null_syscall", "a system call that does nothing", "call", 60, 1, measure_null_syscall },
	{ "null_invoke", "identify one capability", "call", 110, 1, measure_null_invoke },
	{ 0 },
};
