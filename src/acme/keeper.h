// Certificates of hosts: got, renewed, kept.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "acme/client.h"
#include "control/certificates.h"
#include "control/snapshot.h"
#include "io/sync.h"
#include "telemetry/log.h"

namespace fairlead::acme {

// A host that shall have a certificate.
struct Wanted {
  Order order;
  std::string ca_file;  // whom to trust as the ACME server; "" for the system's authorities
};

// Keeps a folder per host: current/certificate.pem, current/key.pem. A certificate is renewed when
// a third of its life is left. When that fails, the one that is there stays in use, the reason is
// told, and it is tried again, at first after a minute, later after hours. Belongs to its loop's
// thread.
class Keeper {
 public:
  // `publish` is called when the snapshot has to be another (answers(), certificates()); it returns
  // when the edge has it.
  Keeper(io::Loop& loop, std::filesystem::path folder, telemetry::Log& log,
         std::function<io::Task<Result<>>()> publish);
  ~Keeper();  // after stop()

  // Which hosts are wanted from now on. Those that have no certificate get one soon.
  void want(std::vector<Wanted> hosts);
  void start();
  io::Task<void> stop();

  // For the snapshot: what there is by now.
  std::vector<control::CertificateSpec> certificates() const;
  // What an order under way wants to be seen.
  std::vector<control::AcmeAnswer> answers() const;
  std::vector<control::CertificateSpec> proofs() const;

  std::vector<control::CertificateStatus> status() const;
  // Now, whatever is left of the present one. kNotFound for a host that is not wanted.
  io::Task<Result<>> renew(std::string host);

  // When a certificate with this life is to be renewed.
  static WallTime renewal_of(WallTime from, WallTime until) { return until - (until - from) / 3; }

 private:
  struct Host {
    Wanted wanted;
    WallTime next{};  // when to try; the epoch: now
    unsigned failures = 0;
    std::string error;
  };
  static io::Task<void> keep(Keeper& self);
  io::Task<Result<>> obtain(std::string name, Wanted wanted);
  io::Task<Result<>> show(Proof proof, ChallengeType type);
  Result<Key> account_key() const;
  void schedule(const std::string& name, const Result<>& outcome);
  std::filesystem::path folder_of(const std::string& host) const { return folder_ / host; }

  io::Loop& loop_;
  const std::filesystem::path folder_;
  telemetry::Log& log_;
  std::function<io::Task<Result<>>()> publish_;
  std::map<std::string, Host> hosts_;
  std::vector<control::AcmeAnswer> answers_;
  std::vector<control::CertificateSpec> proofs_;
  io::Event wake_;
  io::Event idle_;  // no order is under way
  io::Stop stop_;
  io::Gate gate_;
};

}  // namespace fairlead::acme
