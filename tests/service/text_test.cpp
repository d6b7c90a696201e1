#include "output/progress.hpp"
#include "output/text.hpp"

#include <doctest/doctest.h>

using namespace castiel_sync;
using namespace castiel_sync::service;

TEST_CASE("what records hold can't steer a terminal") {
    CHECK(printable("a\x1b[2J\r\nb\x07") == "a\\x1b[2J\\x0d\\nb\\x07");
    CHECK(printable("\xc2\x9b"
                    "31m") == "\\x9b31m");
    CHECK(printable("\xff\xfe ok \xe2\x82") == "\\xff\\xfe ok \\xe2\\x82");
    CHECK(printable("gnp\xe2\x80\xae.exe") == "gnp\\u202e.exe");
    CHECK(printable("Zoë – 李小龍 🎈") == "Zoë – 李小龍 🎈");
}

TEST_CASE("columns stand under each other, whatever the script") {
    Table table({"name", "count"}, 10);
    table.align_right(1);
    table.add({"Zoë", "1"});
    table.add({"李小龍", "22"});
    table.add({"Bartholomew Longname", "3"});
    CHECK(table.text() == "name        count\n"
                          "Zoë             1\n"
                          "李小龍         22\n"
                          "Bartholom…      3\n");
}

TEST_CASE("the progress line tells the time left only where the size is known") {
    ProgressFigures figures;
    figures.entity = "contacts";
    figures.processed = 1500;
    figures.elapsed = std::chrono::seconds(3);
    CHECK(progress_line(figures) == "contacts: 1500 records, 500/s");
    figures.expected = 6000;
    figures.conflicts = 1;
    figures.failed = 2;
    CHECK(progress_line(figures) == "contacts: 1500 of 6000 records, 500/s, 1 conflict, 2 parked, 9 s left");
    figures.processed = 6000;
    CHECK(progress_line(figures) == "contacts: 6000 of 6000 records, 2000/s, 1 conflict, 2 parked");
}
