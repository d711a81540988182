#include <fmt/format.h>
#include <libpq-fe.h>

#include <bit>

#include "schema.h"
#include "sink.h"
#include "store/postgres_connection.h"

namespace airdata {

using namespace fairlead;

namespace {

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, Clear>;

constexpr std::size_t kSendAt = 64 * 1024;

// COPY in its binary form (PostgreSQL manual, COPY, "Binary Format"): the server has no text to
// read.
class PostgresSink final : public Sink {
 public:
  PostgresSink(PGconn* connection, Rows rows) : connection_(connection), rows_(rows) {}

  // Given up: the server is told in the middle of what it copies, and undoes it.
  ~PostgresSink() override {
    if (!copying_) return;
    PQputCopyEnd(connection_.get(), "the load was given up");
    while (const ResultPtr result{PQgetResult(connection_.get())}) continue;
  }

  Result<> begin() {
    if (PQstatus(connection_.get()) != CONNECTION_OK) return fail(connection_error());
    // The row's lock makes loads wait for each other.
    TRY_VOID(execute("BEGIN"));
    TRY_VOID(execute("SELECT version FROM data_version FOR UPDATE"));
    if (rows_ == Rows::kNewOrKnown)
      TRY_VOID(execute("CREATE TEMPORARY TABLE incoming (LIKE air_quality) ON COMMIT DROP"));
    TRY_VOID(execute(fmt::format("COPY {} FROM STDIN (FORMAT binary)", target()), PGRES_COPY_IN));
    copying_ = true;
    out_.assign("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", 19);
    return {};
  }

  Result<> add(const Measurement& row) override {
    append<std::uint16_t>(2 + kValues.size());
    append_number(static_cast<std::uint64_t>(row.time));
    append<std::uint32_t>(static_cast<std::uint32_t>(row.station.size()));
    out_ += row.station;
    for (const auto& value : row.values) {
      if (value) {
        append_number(std::bit_cast<std::uint64_t>(*value));
      } else {
        append<std::uint32_t>(0xffffffff);
      }
    }
    ++count_;
    return out_.size() < kSendAt ? Result<>() : send();
  }

  Result<std::uint64_t> commit() override {
    append<std::uint16_t>(0xffff);
    TRY_VOID(send());
    TRY_VOID(end_copy());
    std::uint64_t changed = count_;
    if (rows_ == Rows::kNewOrKnown) {
      // Of two rows with one key in the same file, the later counts.
      TRY(changed, merge());
    }
    if (changed > 0)
      TRY_VOID(execute(fmt::format("UPDATE data_version SET version = version + 1, changed_us = {}",
                                   change_time())));
    TRY_VOID(execute("COMMIT"));
    return changed;
  }

 private:
  const char* target() const { return rows_ == Rows::kNew ? "air_quality" : "incoming"; }

  // Big-endian.
  template <typename Number>
  void append(Number number) {
    for (int shift = static_cast<int>(sizeof(Number)) * 8 - 8; shift >= 0; shift -= 8)
      out_ += static_cast<char>(number >> shift);
  }
  void append_number(std::uint64_t bits) {
    append<std::uint32_t>(8);
    append(bits);
  }

  Error connection_error() const {
    std::string_view message = PQerrorMessage(connection_.get());
    return Error(
        Code::kUnavailable,
        fmt::format("PostgreSQL: {}", message.substr(0, message.find_last_not_of('\n') + 1)));
  }

  Result<> execute(const std::string& sql, ExecStatusType other = PGRES_TUPLES_OK) {
    const ResultPtr result(PQexec(connection_.get(), sql.c_str()));
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != other)
      return fail(store::postgres_error(result.get()));
    return {};
  }

  // The server may have refused a row long ago; it is heard here, or at the end.
  Result<> send() {
    if (PQputCopyData(connection_.get(), out_.data(), static_cast<int>(out_.size())) != 1) {
      TRY_VOID(end_copy());
      return fail(connection_error());
    }
    out_.clear();
    return {};
  }

  Result<> end_copy() {
    copying_ = false;
    PQputCopyEnd(connection_.get(), nullptr);
    Result<> outcome;
    while (const ResultPtr result{PQgetResult(connection_.get())})
      if (PQresultStatus(result.get()) != PGRES_COMMAND_OK)
        outcome = fail(store::postgres_error(result.get()));
    return outcome;
  }

  Result<std::uint64_t> merge() {
    const auto sql = fmt::format(
        "INSERT INTO air_quality SELECT DISTINCT ON (time_us, id_entity) * FROM incoming "
        "ORDER BY time_us, id_entity, ctid DESC {}",
        kUpsertTail);
    const ResultPtr result(PQexec(connection_.get(), sql.c_str()));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK)
      return fail(store::postgres_error(result.get()));
    return std::strtoull(PQcmdTuples(result.get()), nullptr, 10);
  }

  std::unique_ptr<PGconn, Finish> connection_;
  const Rows rows_;
  bool copying_ = false;
  std::string out_;
  std::uint64_t count_ = 0;
};

}  // namespace

Result<std::unique_ptr<Sink>> open_postgres_sink(const std::string& conninfo, Rows rows) {
  auto sink = std::make_unique<PostgresSink>(PQconnectdb(conninfo.c_str()), rows);
  TRY_VOID(sink->begin());
  return sink;
}

}  // namespace airdata
