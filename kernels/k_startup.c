/* SPDX-License-Identifier: Apache-2.0
 *
 * k_startup: OpenBLAS uses the core that the processor has, and the calling thread only.
 */
#include "k_startup.h"

#include "k_dnnl.h"

#include <cblas.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>
#if defined(__SSE__)
#include <xmmintrin.h>
enum { FLUSH_RESULTS = 1 << 15, FLUSH_OPERANDS = 1 << 6 }; /* bits of the control register */
#endif

static int cpu_has_avx512(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
           && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
    return 0;
#endif
}

static int blas_uses_avx512(void)
{
    static const char *const core[] = {"SkylakeX", "Cooperlake", "Sapphirerapids"};
    const char *chosen = openblas_get_corename();
    for (size_t i = 0; i < sizeof core / sizeof *core; i++)
        if (!strcasecmp(chosen, core[i]))
            return 1;
    return 0;
}

/* A name of its own, since what runs this program for a debugger's sake is /proc/self/exe too. */
static void start_again(char **argv)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    if (n <= 0 || (size_t)n >= sizeof path)
        return;
    path[n] = 0;
    execv(path, argv);
}

int kernels_startup(char **argv)
{
    /* Set by the user, or by us before the new start: either way it is not ours to change. */
    bool core = !getenv("OPENBLAS_CORETYPE") && cpu_has_avx512() && !blas_uses_avx512();
    bool threads = !getenv("OPENBLAS_NUM_THREADS") && kernels_may_run_in_threads();
    if (!core && !threads)
        return 0;
    if ((!core || !setenv("OPENBLAS_CORETYPE", "SkylakeX", 1))
        && (!threads || !setenv("OPENBLAS_NUM_THREADS", "1", 1)))
        start_again(argv);
    return 0;
}

bool kernels_may_run_in_threads(void)
{
    return openblas_get_parallel() != OPENBLAS_SEQUENTIAL;
}

unsigned kernels_enter(void)
{
    openblas_set_num_threads(1);
    k_dnnl_single_thread();
#if defined(__SSE__)
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | FLUSH_RESULTS | FLUSH_OPERANDS);
    return before;
#else
    return 0;
#endif
}

void kernels_leave(unsigned before)
{
#if defined(__SSE__)
    _mm_setcsr(before);
#else
    (void)before;
#endif
}
