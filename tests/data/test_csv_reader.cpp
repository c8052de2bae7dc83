#include <cmath>
#include <numeric>

#include <ntkflow/base/matrix.hpp>

#include "csv_reader.hpp"
#include "data_files.hpp"

namespace ntkflow {
namespace {

using test::expect_error;
using Fields = std::vector<std::string>;

TEST(SplitCsvLineTest, CutsFields) {
  EXPECT_EQ(split_csv_line("1, 2 ,\t3"), (Fields{"1", "2", "3"}));
  EXPECT_EQ(split_csv_line(""), Fields{""});
  EXPECT_EQ(split_csv_line(",a,"), (Fields{"", "a", ""}));
  EXPECT_EQ(split_csv_line(R"("a, b","say ""x""" , " c ")"), (Fields{"a, b", "say \"x\"", " c "}));
  EXPECT_EQ(split_csv_line("\"open, to the end"), Fields{"open, to the end"});
  EXPECT_EQ(split_csv_line("a b\"c"), Fields{"a b\"c"});
}

TEST(ParseCsvNumberTest, TakesNumbersOnly) {
  EXPECT_EQ(parse_csv_number("1.5e-3"), 1.5e-3);
  EXPECT_EQ(parse_csv_number("+2"), 2.0);
  EXPECT_EQ(parse_csv_number("-0"), 0.0);
  EXPECT_EQ(parse_csv_number(".5"), 0.5);
  EXPECT_EQ(parse_csv_number("0.1"), 0.1);
  EXPECT_TRUE(std::isnan(parse_csv_number("nan").value()));
  EXPECT_TRUE(std::isinf(parse_csv_number("-inf").value()));
  for (const char* text :
       {"", "+", "-", "+-1", "1 2", "1x", "0x10", "1e999", "one", "1,5", "--1"}) {
    EXPECT_FALSE(parse_csv_number(text)) << text;
  }
}

class CsvSourceTest : public testing::Test {
 protected:
  CsvSource open(const std::string& text, const Fields& targets = {}) {
    return {folder_.write("data.csv", text), targets};
  }

  static std::vector<double> inputs(CsvSource& source, const std::vector<std::int64_t>& rows) {
    Matrix<double> values(source.dimension(), static_cast<std::int64_t>(rows.size()));
    source.read_inputs(rows, values.view());
    return {values.data(), values.data() + values.size()};
  }

  static std::vector<double> targets(CsvSource& source) {
    Matrix<double> values(source.target_columns(), source.size());
    std::vector<std::int64_t> rows(static_cast<std::size_t>(source.size()));
    std::iota(rows.begin(), rows.end(), std::int64_t{0});
    source.read_targets(rows, values.view());
    return {values.data(), values.data() + values.size()};
  }

  test::TemporaryFolder folder_;
};

using Values = std::vector<double>;

TEST_F(CsvSourceTest, ReadsWithAndWithoutHeader) {
  for (const char* text :
       {"1,2,3\n4,5,6\n", "a,b,y\n1,2,3\n4,5,6\n", "a,b,y\r\n1,2,3\r\n4,5,6\r\n\r\n",
        "\xEF\xBB\xBFx,b,y\n1,2,3\n4,5,6", "\xEF\xBB\xBF+1,2,3\n4,5,6\n\n \n"}) {
    CsvSource source = open(text);
    EXPECT_EQ(source.size(), 2) << text;
    EXPECT_EQ(source.dimension(), 2);
    EXPECT_EQ(inputs(source, {0, 1}), (Values{1, 2, 4, 5}));
    EXPECT_EQ(inputs(source, {1}), (Values{4, 5}));
    EXPECT_EQ(targets(source), (Values{3, 6}));
  }
}

TEST_F(CsvSourceTest, ReadsCompressedFiles) {
  CsvSource source = open(test::gzipped("1,2\n3,4\n"));

  EXPECT_EQ(targets(source), (Values{2, 4}));
  EXPECT_EQ(inputs(source, {0, 1}), (Values{1, 3}));
}

TEST_F(CsvSourceTest, ReadsRowsAcrossBufferBounds) {
  constexpr int kRows = 20'011;
  std::string text;
  for (int i = 0; i < kRows; ++i) {
    text +=
        std::to_string(i) + "," + std::to_string(i * i % 1009) + "," + std::to_string(-i) + "\n";
  }
  CsvSource source = open(text);

  ASSERT_EQ(source.size(), kRows);
  EXPECT_EQ(inputs(source, {0, 1, 9'999, 20'010}),
            (Values{0, 0, 1, 1, 9'999, 9'999 * 9'999 % 1009, 20'010, 20'010 * 20'010 % 1009}));
  const Values all = targets(source);
  for (int i = 0; i < kRows; ++i) {
    ASSERT_EQ(all[static_cast<std::size_t>(i)], -i);
  }
}

TEST_F(CsvSourceTest, ChoosesTargetColumns) {
  const std::string text = "a,b,7c,d\n1,2,3,4\n";
  CsvSource by_name = open(text, {"7c", "a"});
  EXPECT_EQ(targets(by_name), (Values{3, 1}));
  EXPECT_EQ(inputs(by_name, {0}), (Values{2, 4}));
  CsvSource by_number = open(text, {"0"});
  EXPECT_EQ(targets(by_number), (Values{1}));

  expect_error<DataError>([&] { open(text, {"e"}); }, {"no column 'e'", "a, b, 7c, d"});
  expect_error<DataError>([&] { open(text, {"4"}); }, {"no column '4'", "4 columns"});
  expect_error<DataError>([&] { open(text, {"-1"}); }, {"no column '-1'"});
  expect_error<DataError>([&] { open(text, {""}); }, {"no column ''"});
  expect_error<DataError>([&] { open("1,2\n", {"a"}); }, {"no column 'a'", "without names"});
  expect_error<DataError>([&] { open("a,a,b\n1,2,3\n", {"a"}); }, {"two columns named 'a'"});
  expect_error<ConfigError>([&] { open(text, {"a", "0"}); }, {"twice"});
  expect_error<DataError>([&] { open("a,b\n1,2\n", {"a", "b"}); }, {"no input columns"});
}

TEST_F(CsvSourceTest, NamesPlaceOfBadFields) {
  struct Case {
    std::string text;
    std::vector<std::string> parts;
  };
  for (const auto& [text, parts] : std::vector<Case>{
           {"a,b,y\n1,2,3\n4,five,6\n", {"data.csv', line 3, column 1", "'b'", "'five'"}},
           {"1,2,3\n4,nan,6\n", {"line 2, column 1", "not a finite number"}},
           {"1,2,3\n4,5,6\n-Inf,5,6\n", {"line 3, column 0", "not a finite number"}},
           {"1,nan,3\n", {"line 1, column 1", "not a finite number"}},
           {"1,NA,3\n4,5,6\n", {"line 1, column 1", "'NA'", "header"}},
           {"1,2,3\n4,1e999,6\n", {"line 2", "not a number that a double holds"}},
           {"1,2,3\n4,,6\n", {"line 2, column 1", "''"}},
           {"1,2,3\n4,5\n", {"line 2 has 2 columns", "has 3"}},
           {"1,2,3\n4,5,6,7\n", {"line 2 has 4 columns"}},
           {"1,2,3\n\n4,5,6\n", {"line 2 has 1 columns"}},
       }) {
    CsvSource source = open(text);
    std::vector<std::int64_t> rows(static_cast<std::size_t>(source.size()));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] = static_cast<std::int64_t>(i);
    }
    expect_error<DataError>([&] { inputs(source, rows); }, parts);
  }
  CsvSource source = open("1,2,3\n4,5,x\n");
  EXPECT_EQ(inputs(source, {0, 1}), (Values{1, 2, 4, 5}));
  expect_error<DataError>([&] { targets(source); }, {"line 2, column 2", "'x'"});
}

TEST_F(CsvSourceTest, RefusesEmptyData) {
  expect_error<DataError>([&] { open("a,b\n"); }, {"no data"});
  expect_error<DataError>([&] { open("\n"); }, {"no data"});
  expect_error<DataError>([&] { open("\n\n\n"); }, {"no data"});
  expect_error<DataError>([&] { open(""); }, {"empty"});
  expect_error<DataError>([&] { open("1;2;3\n4;5;6\n"); }, {"separated by commas"});
}

}  // namespace
}  // namespace ntkflow
