/* SPDX-License-Identifier: ISC */
/* What the files of this folder share: keywords, settings and problems. */
#ifndef ORTHRUS_CONF_CONF_H
#define ORTHRUS_CONF_CONF_H

#include "orthrus/base/near.h"
#include "orthrus/conf/config.h"

#define SSH_UNTAKEN_SHOWN 8	/* lines of --ssh-config, by name */

/* In the order of precedence, and of reports. */
enum origin { FROM_OPTION, FROM_ENVIRONMENT, FROM_FILE, FROM_SSH_CONFIG,
    FROM_DEFAULT };

struct keyword;
struct loader;

/* One value that is in effect, and where it comes from. */
struct setting {
	const struct keyword *kw;	/* the first row that stands for it */
	const struct keyword *from;	/* the row whose option or variable */
	enum origin origin;
	unsigned line;		/* FROM_FILE, FROM_SSH_CONFIG */
	char *label;		/* NAME of its [section NAME], or NULL */
	char *value;		/* canonical text */
	char *file;		/* FROM_SSH_CONFIG */
	char *note;		/* where else a part of it is from, or NULL */
};

#define KW_MANY	0x1		/* may be given several times */
#define KW_LIST	0x2		/* environment and file take a comma list */
#define KW_ADD	0x4		/* the origins add up, none hides another */
#define KW_NAMED 0x8		/* its section has a name: [forward NAME] */
#define KW_COMMA 0x10		/* the option takes a comma list, too */
#define KW_OPTIONAL 0x20	/* the option's value may be left out: fixed */
#define KW_SECRET 0x40		/* its value is never shown */
#define KW_PASSWORD 0x80	/* a URL, whose password is not */

/* A row of the table that options, environment, file and help follow. */
struct keyword {
	const char *section, *key;	/* section NULL: not in the file */
	const char *option;	/* long option, or NULL */
	int letter;		/* short option, or 0 */
	const char *env;	/* or NULL */
	const char *arg;	/* of the option, for --help; NULL for a flag */
	const char *fixed;	/* the value that a flag stands for */
	const char *values;	/* fixed ones, "a|b", where arg has them not */
	unsigned flags;
	/*
	 * Puts s->value into c, at offset where that says where; it may
	 * replace s->value by its canonical text.  0, or -1 with *e.
	 */
	int (*set)(void *c, struct setting *s, struct error *e);
	size_t offset;
	const char *fallback;	/* constant default value, or NULL */
	/* The i-th default value, for the caller to free, or NULL. */
	char *(*initial)(const void *c, unsigned i);
	const char *help;
};

/* A program's table, and what the loader must know of what it makes. */
struct program {
	const struct keyword *rows;	/* the first one names the file */
	size_t n;
	size_t size;		/* of its configuration */
	/* Frees what the fields hold, except for the head. */
	void (*clear)(void *c);
	/* The one key that a configuration must have; NULL: none. */
	const char *section, *key;
	const char *example;	/* a section of its file, to show */
	/* What has a say before the defaults, or NULL. */
	void (*before_defaults)(struct loader *l);
	/* Letters that another program has, and what becomes of them here. */
	const struct foreign_option *foreign;	/* letter 0 ends them */
};

/* An option of ssh(1) that is none here. */
struct foreign_option {
	char letter;
	bool value;		/* it has one */
	const char *instead;	/* what to do; NULL: it asks for nothing */
};

/* The letter of a row that a word without any option stands for. */
#define KEYWORD_ARGUMENT 1

extern const struct program program_orthrus;
void clear_config(void *config);	/* its .clear */

const struct keyword *keyword_by_key(const struct program *p,
    const char *section, const char *key);
const struct keyword *keyword_of_section(const struct program *p,
    const char *section);
const struct keyword *keyword_first(const struct program *p,
    const struct keyword *kw);

/* Puts value, which it takes over, in the place of *p. */
void value_replace(char **p, char *value);
/* Shows the setting as this address from now on, in its canonical form. */
void setting_show_address(struct setting *s, const struct address *a);
/*
 * Adds a forward of this spec to *v, and names it as its section does, or
 * after letter and number; canonical is how the setting is shown.
 */
void forward_add(struct forward_conf **v, size_t *n, char letter,
    struct setting *s, const struct forward_spec *spec,
    const char *canonical);

/* Setters (set.c); those of any program put the value at the offset. */
int set_text(void *, struct setting *, struct error *);
int set_path(void *, struct setting *, struct error *);
int set_yes(void *, struct setting *, struct error *);
int set_milliseconds(void *, struct setting *, struct error *);
int set_name(void *, struct setting *, struct error *);
int set_server(void *, struct setting *, struct error *);
int set_port(void *, struct setting *, struct error *);
int set_user(void *, struct setting *, struct error *);
int set_known_hosts(void *, struct setting *, struct error *);
int set_host_key(void *, struct setting *, struct error *);
int set_socks5(void *, struct setting *, struct error *);
int set_local(void *, struct setting *, struct error *);
int set_remote(void *, struct setting *, struct error *);
int set_docker_socket(void *, struct setting *, struct error *);
int set_docker_remote(void *, struct setting *, struct error *);
int set_docker_allow(void *, struct setting *, struct error *);
int set_docker_redact(void *, struct setting *, struct error *);
int set_docker_host(void *, struct setting *, struct error *);
int set_docker_reveal(void *, struct setting *, struct error *);
int set_docker_registry(void *, struct setting *, struct error *);
int set_stdio(void *, struct setting *, struct error *);
int set_control(void *, struct setting *, struct error *);
int set_level(void *, struct setting *, struct error *);
int set_format(void *, struct setting *, struct error *);

/* What is shared, and the key to enrol with (offers.c). */
int set_expose(void *, struct setting *, struct error *);
int set_mode(void *, struct setting *, struct error *);
int set_auth_key(void *, struct setting *, struct error *);

/* How servers are reached (way.c). */
int set_transport(void *, struct setting *, struct error *);
int set_tls_name(void *, struct setting *, struct error *);
int set_proxy(void *, struct setting *, struct error *);
int set_proxy_command(void *, struct setting *, struct error *);
int set_prefer(void *, struct setting *, struct error *);
int set_resume(void *, struct setting *, struct error *);

/* Defaults (defaults.c). */
char *initial_file(const void *, unsigned);
char *initial_name(const void *, unsigned);
char *initial_identity(const void *, unsigned);
char *initial_known_hosts(const void *, unsigned);
char *initial_control(const void *, unsigned);

/* state_directory() and runtime_directory() of another program. */
char *state_directory_of(const char *program);
char *runtime_directory_of(const char *program);
/* "DIRECTORY/FILE" for the caller to free; frees the directory's name. */
char *path_below(char *directory, const char *file);

/*
 * A configuration that is being put together from all origins, and what is
 * wrong with it.
 */
struct problem {
	enum origin origin;
	unsigned line;
	char *text;
};

struct loader {
	struct config_head *c;	/* what the program's configuration begins */
	struct config_head *hidden;	/* where overridden values go */
	struct problem *problems;
	size_t nproblems;
	bool *given;		/* by keyword: a value was meant, right or not */
	bool misused;		/* an option is wrong by itself */
	const char *source;	/* FROM_SSH_CONFIG: which file */
	bool argued;		/* a word that is no option was taken */
	const char *one_dash;	/* a word that was told to be wrong, or NULL */
	bool unclear;		/* a faulty line may have meant it */
	unsigned required_line;	/* of the section with the required key, or 0 */
};

/*
 * Reads all origins of a configuration of p.  Then the program says what is
 * wrong only in combination; at last loader_end() reports everything and
 * returns the configuration, or NULL with *code.
 */
void loader_begin(struct loader *l, const struct program *p, int argc,
    char **argv);
void *loader_end(struct loader *l, void (*report)(void *arg,
    const char *line), void *arg, int *code);
void head_free(struct config_head *c);	/* NULL too */

/*
 * Takes one text for kw from an origin other than the defaults, split at its
 * commas where kw says so.  label may be NULL.
 */
void loader_take(struct loader *l, const struct keyword *kw,
    enum origin origin, unsigned line, const char *label, const char *text);
/* Takes one item of such a text, or a default value. */
void loader_take_one(struct loader *l, const struct keyword *kw,
    enum origin origin, unsigned line, const char *label, const char *value);
/* Puts text into the report, behind "FILE:LINE: " where it belongs. */
void loader_fail(struct loader *l, enum origin origin, unsigned line,
    const char *text);
/* Reports in the same way what is wrong with a setting. */
void loader_blame(struct loader *l, const struct setting *s, struct error *e);
/*
 * True when what is missing may be in a file, or on a line, that cannot be
 * read.
 */
bool loader_unclear(const struct loader *l);
/* True when a value was given for it, right or not. */
bool loader_given(const struct loader *l, const char *section,
    const char *key);
bool *loader_given_to(const struct loader *l, const struct keyword *kw);

/* orthrus: the configuration that l->c is the head of. */
struct config *loader_config(const struct loader *l);

void load_options(struct loader *l, int argc, char **argv);
/* Options of ssh(1) (ssh_options.c), and what stands in the place of -o's. */
extern const struct foreign_option ssh_options[];
void ssh_option_instead(const struct foreign_option *o, const char *value,
    struct error *e);
/* "option --name", "option -c", or "argument". */
#define OPTION_TEXT_MAX 64
const char *option_text(const struct keyword *kw, char text[OPTION_TEXT_MAX]);
void load_file(struct loader *l);
void load_ssh_config(struct loader *l);	/* of orthrus (ssh_config.c) */
/*
 * orthrus: fills in the users, and finds all that is wrong only in combination.
 */
void load_finish(struct loader *l);
void load_offers(struct loader *l);	/* the part of it in offers.c */
void load_addresses(struct loader *l);	/* that in way.c for servers ... */
void load_way(struct loader *l);	/* ... and, when users are known, the rest */

/*
 * Takes the password out of a URL, value, where ps(1) sees it: in a word of the
 * arguments, or in a variable.  Either is found there again by us.
 */
void hide_in_argument(char **word, char *value);
void hide_in_variable(const char *name, char *value);
/* 0 when nobody else may read this file with a secret, or -1 with *e. */
struct stat;
int secret_access_check(const char *path, const struct stat *st,
    struct error *e);

/* Keeps s, whose strings then belong to c. */
void setting_add(struct config_head *c, const struct setting *s);
/*
 * Keeps s like setting_add(), but in the place of an earlier one: of several
 * options the last counts, unless the keyword takes many values.
 */
void setting_keep(struct config_head *c, const struct setting *s);
/* True when an origin that comes before this one has set kw. */
bool setting_is_hidden(const struct config_head *c, const struct keyword *kw,
    enum origin origin);
void setting_clear(struct setting *s);
struct setting *setting_find(const struct config_head *c,
    const char *section, const char *key);
/* One that stands in no section; with this value, unless that is NULL. */
const struct setting *setting_plain(const struct config_head *c,
    const char *key, const char *value);
/* The n-th setting of kw, from which the n-th forward was made. */
const struct setting *setting_nth(const struct config_head *c,
    const struct keyword *kw, size_t n);

/* "option --name", "environment NAME", "FILE:LINE" or "default". */
#define ORIGIN_TEXT_MAX 4352
const char *origin_text(const struct config_head *c, const struct setting *s,
    char text[ORIGIN_TEXT_MAX]);
/* config_print() and the tables of config_usage() for any program. */
void head_print(const struct config_head *c, FILE *f);
void head_blame(const struct config_head *c, const char *section,
    const char *key, struct error *e);
void head_complete(const struct program *p);	/* see complete.h */
void usage_options(const struct program *p, const char *heading, FILE *f);
void usage_origins(const struct program *p, FILE *f);

#endif
