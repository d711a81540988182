#pragma once

#include "edge/worker.h"

namespace fairlead::edge {

// A listening socket of one worker.
class ListenSocket final : public io::Watcher {
 public:
  ListenSocket(Worker& worker, ListeningFd socket);
  ~ListenSocket();

  const std::string& address() const { return socket_.address; }
  bool tls() const { return socket_.tls; }
  Result<> start();
  // Takes all connections that are already waiting, for one who is about to close.
  void accept_all();

  void on_ready(std::uint32_t events) override;

 private:
  bool accept_one();
  void pause();
  Worker& worker_;
  ListeningFd socket_;
  bool watched_ = false;
  io::Timer pause_;
};

}  // namespace fairlead::edge
