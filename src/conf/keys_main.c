/* conf_keys describe | schema: the table of keys on standard output, for documents and tests. */
#include <stdio.h>

#include "conf/keys.h"

int main(int argc, char **argv)
{
    struct buf out;
    int rc = -1;
    buf_init(&out, 1024 * 1024);
    if (argc == 2 && strcmp(argv[1], "describe") == 0)
        rc = conf_keys_describe(&out);
    else if (argc == 2 && strcmp(argv[1], "schema") == 0)
        rc = conf_keys_schema(&out);
    struct span text = buf_view(&out);
    if (rc == 0 && fwrite(text.at, 1, text.len, stdout) != text.len)
        rc = -1;
    buf_fini(&out);
    if (rc < 0)
        fprintf(stderr, "usage: conf_keys describe | schema\n");
    return rc < 0;
}
