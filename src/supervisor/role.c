#include "supervisor/role.h"

#include "base/buf.h"

static const char *mode_word(const struct snapshot *file)
{
    return file->sandbox == SANDBOX_BEST ? "best" : "strict";
}

/* Copies a list of borrowed words; one that could not be made spoils the whole. */
static char **words(struct arena *a, const char *const *list, size_t count)
{
    char **argv = arena_array(a, count + 1, sizeof(*argv));
    for (size_t i = 0; argv != NULL && i < count; i++) {
        argv[i] = list[i] == NULL ? NULL : arena_string(a, span_str(list[i]));
        if (argv[i] == NULL)
            return NULL;
    }
    return argv;
}

static char **signer_arguments(struct arena *a, const struct role_facts *f)
{
    const struct snapshot *file = f->file;
    const char *const fixed[] = {
        "postern-signer",      "--tls-dir", file->tls_dir,   "--certificate",
        file->tls_certificate, "--key",     file->tls_key,   "--state-dir",
        file->state_dir,       "--sandbox", mode_word(file),
    };
    size_t count = 0, pairs = file->tls_certificates.count, clients = 0;
    struct span rest = span_str(f->clients != NULL ? f->clients : ""), name;
    for (size_t i = 0; i < rest.len; i++)
        clients += rest.at[i] == '\n';
    const char **list = arena_array(a, countof(fixed) + 2 * (pairs + clients) + 1, sizeof(*list));
    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < countof(fixed); i++)
        list[count++] = fixed[i];
    for (size_t i = 0; i < pairs; i++) {
        list[count++] = "--pair";
        list[count++] = file->tls_certificates.name[i];
    }
    for (size_t i = 0; i < clients && span_cut(&rest, '\n', &name); i++) {
        list[count++] = "--client";
        list[count++] = arena_string(a, name);
    }
    if (snapshot_takes_tls12(file))
        list[count++] = "--tls12";
    return words(a, list, count);
}

static char **keeper_arguments(struct arena *a, const struct role_facts *f)
{
    /* The keeper's state is the directory of the store and nothing above it: the private keys are
     * not its business. */
    const char *store = f->file->store_file, *slash = strrchr(store, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - store);
    const char *const list[] = {
        "postern-keeper",
        "--store",
        store,
        "--secrets-dir",
        f->file->secrets_dir,
        "--state-dir",
        arena_string(a, span_of(store, len)),
        "--authorities",
        f->file->authorities_file,
        "--sandbox",
        mode_word(f->file),
    };
    return words(a, list, countof(list));
}

/* "8080,8443"; no port at all is the empty word. */
static char *port_list(struct arena *a, const struct role_facts *f)
{
    struct buf list;
    buf_init(&list, (f->port_count + 1) * sizeof("65535,"));
    for (size_t i = 0; i < f->port_count; i++)
        (void)buf_printf(&list, "%s%u", i == 0 ? "" : ",", (unsigned)f->ports[i]);
    char *text = list.bad ? NULL : arena_string(a, buf_view(&list));
    buf_fini(&list);
    return text;
}

static char **edge_arguments(struct arena *a, const struct role_facts *f)
{
    const char *const list[] = {
        "postern-edge",
        "--id",
        arena_printf(a, "%u", (unsigned)f->id),
        "--sandbox",
        mode_word(f->file),
        "--ports",
        port_list(a, f),
    };
    return words(a, list, countof(list));
}

static char **courier_arguments(struct arena *a, const struct role_facts *f)
{
    const char *const list[] = {"postern-courier", "--sandbox", mode_word(f->file), "--authorities",
                                f->file->authorities_file};
    return words(a, list, countof(list));
}

const struct role ROLES[ROLE_COUNT] = {
    [ROLE_SIGNER] = {.name = "signer",
                     .executable = "postern-signer",
                     .ipc = IPC_SIGNER,
                     .prepares = true,
                     .peers = IPC_EDGE,
                     .arguments = signer_arguments},
    [ROLE_KEEPER] = {.name = "keeper",
                     .executable = "postern-keeper",
                     .ipc = IPC_KEEPER,
                     .with_keeper_socket = true,
                     .peers = IPC_EDGE | IPC_COURIER,
                     .arguments = keeper_arguments},
    [ROLE_COURIER] = {.name = "courier",
                      .executable = "postern-courier",
                      .ipc = IPC_COURIER,
                      .peers = IPC_KEEPER,
                      .arguments = courier_arguments},
    [ROLE_EDGE] = {.name = "edge",
                   .executable = "postern-edge",
                   .ipc = IPC_EDGE,
                   .per_edge = true,
                   .prepares = true,
                   .peers = IPC_SIGNER | IPC_KEEPER,
                   .arguments = edge_arguments},
};
