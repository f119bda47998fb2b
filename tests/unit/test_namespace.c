/* needs: libos/posix/namespace.c libos/posix/path.c */
/* Paths as texts, and the namespace: which sources a path has, what binds and unions make of it, its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "libos/posix/namespace.h"
#include "libos/posix/path.h"
#include "libos/thread/thread.h"

void mutex_lock(struct mutex *m) { (void)m; }
void mutex_unlock(struct mutex *m) { (void)m; }

/* --- paths -------------------------------------------------------------------------------------- */

static void joined(const char *base, const char *path, const char *want, bool want_dir)
{
	char out[FILE_PATH_MAX];
	bool dir;

	assert_int_equal(path_join(base, path, out, &dir), 0);
	assert_string_equal(out, want);
	assert_int_equal(dir, want_dir);
}

static void test_join(void **state)
{
	char out[FILE_PATH_MAX], path[FILE_PATH_MAX + 2];
	bool dir;

	(void)state;
	joined("/", "/", "/", false);
	joined("/", "a", "/a", false);
	joined("/x/y", "a/b/", "/x/y/a/b", true);
	joined("/x", "//a///b", "/a/b", false);
	joined("/x", ".", "/x", true);
	joined("/x", "./a/./b/.", "/x/a/b", true);
	joined("/x", "../a", "/x/../a", false);
	joined("/", "..", "/..", true);
	joined("/x", "...", "/x/...", false);
	assert_int_equal(path_join("/x", "", out, &dir), ENOENT);
	memset(path, 'a', sizeof(path));
	path[FILE_NAME_MAX] = 0;
	assert_int_equal(path_join("/", path, out, &dir), 0);
	path[FILE_NAME_MAX] = 'a';
	path[FILE_NAME_MAX + 1] = 0;
	assert_int_equal(path_join("/", path, out, &dir), ENAMETOOLONG);
	/* The longest path, and with one letter more; and one that the base makes too long. */
	for (size_t i = 0; i < FILE_PATH_MAX - 1; i++)
		path[i] = i % 2 ? 'a' : '/';
	path[FILE_PATH_MAX - 1] = 0;
	assert_int_equal(path_join("/", path, out, &dir), 0);
	assert_int_equal(strlen(out), FILE_PATH_MAX - 2);
	assert_int_equal(path_join("/x", path + 1, out, &dir), ENAMETOOLONG);
	path[FILE_PATH_MAX - 1] = 'a';
	path[FILE_PATH_MAX] = 0;
	assert_int_equal(path_join("/", path, out, &dir), ENAMETOOLONG);
}

static void test_parts(void **state)
{
	char path[] = "/a/b", name[FILE_NAME_MAX + 1], dots[] = "/a/..b/../c", none[] = "/a/..b/c..";
	const char *rest;

	(void)state;
	path_cut(path, name);
	assert_string_equal(path, "/a");
	assert_string_equal(name, "b");
	path_cut(path, name);
	assert_string_equal(path, "/");
	assert_string_equal(name, "a");
	path_cut(path, name);
	assert_string_equal(path, "/");
	assert_string_equal(name, "");
	assert_ptr_equal(path_dotdot(dots), dots + 6);
	assert_null(path_dotdot(none));
	assert_true(path_under("/a/b", "/a", &rest));
	assert_string_equal(rest, "b");
	assert_true(path_under("/a", "/a", &rest));
	assert_string_equal(rest, "");
	assert_true(path_under("/a", "/", &rest));
	assert_string_equal(rest, "a");
	assert_false(path_under("/ab", "/a", &rest));
	assert_false(path_under("/a", "/a/b", &rest));
}

/* --- the namespace --------------------------------------------------------------------------------- */

/* The sources of a path, "service!tree/path" each, in order. */
static void sources(const char *path, const char *want)
{
	struct namespace *ns = ns_get();
	const char *rest;
	const struct ns_point *p = ns_match(ns, path, &rest);
	char got[1000] = "";

	assert_non_null(p);
	for (unsigned i = 0; i < p->count; i++) {
		const struct ns_source *s = &p->sources[i];

		sprintf(got + strlen(got), "%s%s!%s/%s%s:%s", i ? " " : "", s->service, s->tree, s->path,
			s->create ? "+" : "", rest);
	}
	assert_string_equal(got, want);
	ns_put(ns);
}

static void has_text(const char *want)
{
	char *text = ns_pack();

	assert_string_equal(text, want);
	free(text);
}

#define START "mount a /\nmount b /b\n"

static void test_default(void **state)
{
	char *text = ns_pack();

	(void)state;
	sources("/boot/x", "#boot!/:x");
	sources("/bootx", "#root!/:bootx");
	sources("/tmp", "mem.files!/+:");
	sources("/dev/null", "#cons!/:null dev!/:null");
	/* What it says makes it again. */
	assert_int_equal(ns_unpack(text), 0);
	has_text(text);
	free(text);
}

static void test_mounts(void **state)
{
	(void)state;
	assert_int_equal(ns_unpack(START), 0);
	assert_int_equal(ns_mount("c!t/p/q", "/b/c", NS_REPLACE), 0);
	sources("/b/c/d", "c!t/p/q:d");
	sources("/b/d", "b!/:d");
	assert_int_equal(ns_mount("d", "/b", NS_BEFORE | NS_CREATE), 0);
	sources("/b/x", "d!/+:x b!/:x");
	assert_int_equal(ns_mount("e", "/b", NS_AFTER), 0);
	sources("/b/x", "d!/+:x b!/:x e!/:x");
	/* A union at a place that was none: what is there stays, as a part of the tree above it. */
	assert_int_equal(ns_mount("f", "/b/u/v", NS_AFTER), 0);
	sources("/b/u/v/w", "d!/u/v+:w b!/u/v:w e!/u/v:w f!/:w");
	assert_int_equal(ns_mount("g", "/b", NS_REPLACE), 0);
	sources("/b/x", "g!/:x");
	assert_int_equal(ns_mount("", "/x", NS_REPLACE), EINVAL);
	assert_int_equal(ns_mount("g", "x", NS_REPLACE), EINVAL);
	assert_int_equal(ns_mount("g", "/x/", NS_REPLACE), EINVAL);
	for (unsigned i = 1; i < NS_DEPTH; i++)
		assert_int_equal(ns_mount("g", "/b", NS_AFTER), 0);
	assert_int_equal(ns_mount("g", "/b", NS_AFTER), ENOSPC);
}

static void test_binds(void **state)
{
	(void)state;
	assert_int_equal(ns_unpack(START), 0);
	assert_int_equal(ns_bind("/b/x", "/y", NS_REPLACE), 0);
	sources("/y/z", "b!/x:z");
	/* It shows what was there when it was made; a bind of a place to itself is no loop. */
	assert_int_equal(ns_mount("c", "/b", NS_REPLACE), 0);
	sources("/y/z", "b!/x:z");
	assert_int_equal(ns_bind("/b", "/b", NS_AFTER), 0);
	sources("/b/z", "c!/:z c!/:z");
	assert_int_equal(ns_bind("/b", "/y", NS_BEFORE), 0);
	sources("/y", "c!/: c!/: b!/x:");
	assert_int_equal(ns_unmount("b/x", "/y"), 0);
	sources("/y", "c!/: c!/:");
	assert_int_equal(ns_unmount("b/x", "/y"), EINVAL);
	assert_int_equal(ns_unmount(NULL, "/y"), 0);
	sources("/y", "a!/:y");
	assert_int_equal(ns_unmount(NULL, "/"), EBUSY);
	assert_int_equal(ns_unmount("a", "/"), EBUSY);
}

static void test_below(void **state)
{
	struct namespace *ns;
	char name[FILE_NAME_MAX + 1];

	(void)state;
	assert_int_equal(ns_unpack("mount a /\nmount b /x/y/z\nmount c /x/w\n"), 0);
	ns = ns_get();
	assert_true(ns_below(ns, "/", 0, name));
	assert_string_equal(name, "x");
	assert_true(ns_below(ns, "/x", 0, name));
	assert_string_equal(name, "y");
	assert_true(ns_below(ns, "/x", 1, name));
	assert_string_equal(name, "w");
	assert_false(ns_below(ns, "/x", 2, name));
	assert_false(ns_below(ns, "/x/w", 0, name));
	assert_true(ns_is_point(ns, "/x/w"));
	assert_false(ns_is_point(ns, "/x"));
	/* Who began with this one keeps it. */
	assert_int_equal(ns_unpack(START), 0);
	assert_true(ns_is_point(ns, "/x/w"));
	ns_put(ns);
}

static void test_texts(void **state)
{
	(void)state;
	assert_int_equal(ns_unpack("mount a /\nmount b!t/p /b create\nbind /b/c /d\nmount e /b after\n"), 0);
	has_text("mount a /\nmount b!t/p /b create\nmount e /b after\nmount b!t/p/c /d create\n");
	/* What is wrong with one line leaves all as it was. */
	assert_int_equal(ns_unpack("mount a /\nmount\n"), EINVAL);
	assert_int_equal(ns_unpack("mount a /\nmove a /b\n"), EINVAL);
	assert_int_equal(ns_unpack("mount a /\nmount a b\n"), EINVAL);
	assert_int_equal(ns_unpack("mount a /b\n"), EINVAL);
	assert_int_equal(ns_unpack(""), EINVAL);
	has_text("mount a /\nmount b!t/p /b create\nmount e /b after\nmount b!t/p/c /d create\n");
	assert_int_equal(ns_unpack(START), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join),   cmocka_unit_test(test_parts), cmocka_unit_test(test_default),
		cmocka_unit_test(test_mounts), cmocka_unit_test(test_binds), cmocka_unit_test(test_below),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
