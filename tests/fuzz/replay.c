/* SPDX-License-Identifier: Apache-2.0
 *
 * replay: runs a fuzz target on the files of a directory, one TAP line each. A failure ends the
 * program, as it does under the fuzzer.
 */
#include "file.h"

#include "arena.h"

#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int main(int argc, char **argv)
{
    struct arena a = {0};
    struct err err = {0};
    char **names;
    int n = argc == 2 ? file_list(&a, argv[1], &names, &err) : -1;
    if (n < 0)
        die("%s", argc == 2 ? err.text : "usage: replay DIRECTORY");
    printf("1..%d\n", n);
    for (int i = 0; i < n; i++) {
        struct file_map f;
        if (file_map(&f, arena_printf(&a, "%s/%s", argv[1], names[i]), &err) < 0)
            die("%s", err.text);
        LLVMFuzzerTestOneInput(f.data, f.size);
        printf("ok %d - %s\n", i + 1, names[i]);
        fflush(stdout);
        file_unmap(&f);
    }
    arena_release(&a);
    return 0;
}
