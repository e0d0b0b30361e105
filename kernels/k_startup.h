/* SPDX-License-Identifier: Apache-2.0
 *
 * k_startup: what the libraries behind the kernels need to be told.
 */
#ifndef K_STARTUP_H
#define K_STARTUP_H

/* Call first thing in main(). OpenBLAS before 0.3.22 takes some AVX-512 processors that came after
 * it for older ones, and runs at half speed; the only remedy is an environment variable that it
 * reads when it is loaded. So the program sets the variable and starts itself again, once. Returns
 * 0, also where nothing had to be done or the new start failed: that is not worth stopping for. */
int kernels_startup(char **argv);

/* Around calls of kernels, on each thread. Until kernels_leave(), the libraries use no threads of
 * their own, and denormal numbers count as 0: trained weights hold some, and processors need a
 * hundred times as long for them. Cheap. */
unsigned kernels_enter(void);
void kernels_leave(unsigned before); /* what kernels_enter() gave */

#endif
