/* SPDX-License-Identifier: Apache-2.0
 *
 * k_startup: what the libraries behind the kernels need to be told.
 */
#ifndef K_STARTUP_H
#define K_STARTUP_H

#include <stdbool.h>

/* Call first thing in main(). OpenBLAS starts threads of its own when it is loaded, which wait for
 * work for a quarter of a second of CPU time; and before 0.3.22 it takes some AVX-512 processors
 * that came after it for older ones, and runs at half speed. The only remedy are environment
 * variables that it reads when it is loaded. So the program sets them and starts itself again,
 * once. Returns 0, also where nothing had to be done or the new start failed: that is not worth
 * stopping for. */
int kernels_startup(char **argv);

/* False: this OpenBLAS was built for programs of one thread. Its buffers then have no locks, and
 * two threads that multiply at a time now and then get wrong products (0.3.21 as Debian has it). */
bool kernels_may_run_in_threads(void);

/* Around calls of kernels, on each thread. Until kernels_leave(), the libraries use no threads of
 * their own, and denormal numbers count as 0: trained weights hold some, and processors need a
 * hundred times as long for them. Cheap. */
unsigned kernels_enter(void);
void kernels_leave(unsigned before); /* what kernels_enter() gave */

#endif
