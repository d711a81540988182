#pragma once

#include "edge/connection.h"
#include "io/address.h"

namespace fairlead::edge {

// A connection on a listener that speaks the PROXY protocol, until its header has come; then the
// worker goes on with the client that the header names. One without a header, or from an address
// that is no trusted proxy, is closed: taking either at its word would let anybody be anybody.
class ProxyPreface final : public ClientSocket {
 public:
  ProxyPreface(Worker& worker, io::Transport transport, io::Address peer, bool tls);
  ~ProxyPreface() override;

  void drain(Duration) override {}
  void cut_off() override { end_of_life(); }
  void on_ready(std::uint32_t events) override;
  void on_timeout() override { end_of_life(); }

 private:
  io::Address peer_;
  bool tls_;
};

}  // namespace fairlead::edge
