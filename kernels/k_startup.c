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

int kernels_startup(char **argv)
{
    /* Set by the user, or by us before the new start: either way it is not ours to change. */
    if (getenv("OPENBLAS_CORETYPE") || !cpu_has_avx512() || blas_uses_avx512())
        return 0;
    if (setenv("OPENBLAS_CORETYPE", "SkylakeX", 1) == 0)
        execv("/proc/self/exe", argv);
    return 0;
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
