-- For the ported SQLite: sqlite3 /tmp/check.db ".read /boot/check.sql". Fills a database in a file, asks it, and prints TAP.
PRAGMA foreign_keys = ON;
CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT, author INTEGER REFERENCES author, year INTEGER, price REAL);
CREATE TABLE result (number INTEGER PRIMARY KEY, good, what);
CREATE INDEX book_year ON book (year);
CREATE VIEW shelf AS SELECT name, title, year FROM book JOIN author ON author.id = book.author;
CREATE TRIGGER no_free BEFORE INSERT ON book WHEN new.price < 0 BEGIN SELECT raise(IGNORE); END;

INSERT INTO author (name) VALUES ('Ada'), ('Ben'), ('Cyd');
BEGIN;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO book SELECT i, printf('book %04d', i), 1 + i % 3, 1900 + i % 100, i / 10.0 FROM n;
COMMIT;

INSERT INTO result (good, what) SELECT count(*) = 3000, '3000 rows in one transaction' FROM book;
INSERT INTO result (good, what) SELECT sum(id) = 4501500, 'their sum' FROM book;
INSERT INTO result (good, what) SELECT count(*) = 30, 'an index finds 30 of a year' FROM book WHERE year = 1942;
INSERT INTO result (good, what) SELECT name = 'Ben' AND title = 'book 0001', 'a join through a view' FROM shelf ORDER BY title LIMIT 1;
INSERT INTO result (good, what) SELECT group_concat(c) = '1000,1000,1000', 'groups'
	FROM (SELECT count(*) AS c FROM book GROUP BY author);
INSERT INTO result (good, what) SELECT abs(avg(price) - 150.05) < 1e-9, 'an average of real numbers' FROM book;
INSERT INTO result (good, what) SELECT max(r) = 3000, 'a window function'
	FROM (SELECT row_number() OVER (ORDER BY price) AS r FROM book);
INSERT INTO result (good, what) SELECT count(*) = 300, 'LIKE' FROM book WHERE title LIKE 'book %7';
INSERT INTO result (good, what) SELECT json_extract('{"a":[1,{"b":"x"}]}', '$.a[1].b') = 'x', 'JSON';

INSERT INTO book VALUES (9000, 'never', 1, 2000, -1);
INSERT INTO result (good, what) SELECT count(*) = 0, 'a trigger kept a row out' FROM book WHERE id = 9000;
INSERT OR IGNORE INTO author (name) VALUES ('Ada');
INSERT INTO result (good, what) SELECT count(*) = 3, 'a name is unique' FROM author;

CREATE TABLE scratch AS SELECT * FROM book WHERE id <= 10;
BEGIN;
SAVEPOINT inner;
DELETE FROM scratch;
ROLLBACK TO inner;
INSERT INTO result (good, what) SELECT count(*) = 10, 'back to a savepoint' FROM scratch;
COMMIT;
BEGIN;
DELETE FROM book;
ROLLBACK;
INSERT INTO result (good, what) SELECT count(*) = 3000, 'a transaction rolled back' FROM book;

DELETE FROM book WHERE id % 2;
VACUUM;
INSERT INTO result (good, what) SELECT count(*) = 1500 AND min(id) = 2, 'half deleted, and the file packed' FROM book;
ATTACH '/tmp/check2.db' AS other;
CREATE TABLE other.copy AS SELECT * FROM book;
INSERT INTO result (good, what) SELECT count(*) = 1500, 'copied into another file' FROM other.copy;
DETACH other;
INSERT INTO result (good, what) SELECT integrity_check = 'ok', 'the integrity check' FROM pragma_integrity_check;

.mode list
SELECT CASE WHEN good THEN 'ok ' ELSE 'not ok ' END || number || ' - sqlite: ' || what FROM result ORDER BY number;
SELECT '1..' || count(*) FROM result;
