#include "ship/artifact_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "base/file.h"
#include "ship/digest.h"
#include "ship/layer.h"

namespace fairlead::ship {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ArtifactStoreTest : public testing::Test {
 protected:
  ArtifactStoreTest() : folder(fmt::format("/tmp/fairlead-ship-{}", ::getpid())) {
    fs::remove_all(folder);
    put("source/build/visitors", "#!/bin/sh\necho visitors\n", 0755);
    put("source/static/site.css", "body {}", 0640);
    put("source/static/deep/er/x", "x", 0600);
    fs::create_symlink("site.css", folder / "source/static/link.css");
    put("source/secret.txt", "not included", 0644);
  }
  ~ArtifactStoreTest() override { fs::remove_all(folder); }

  void put(const fs::path& name, std::string_view content, int mode = 0644) {
    ASSERT_TRUE(make_directories((folder / name).parent_path()));
    ASSERT_TRUE(write_file_atomically(folder / name, content));
    ASSERT_EQ(::chmod((folder / name).c_str(), static_cast<mode_t>(mode)), 0);
  }
  PackRequest request() {
    return {"visitors", folder / "source", {"build/visitors", "static/"}, {"visitors", "serve"}};
  }
  ArtifactStore open(const char* name = "store") {
    return ArtifactStore::open(folder / name).value();
  }

  fs::path folder;
};

TEST_F(ArtifactStoreTest, SameFilesGiveTheSameDigestWhateverTheirTimesAndPlace) {
  ArtifactStore store = open();
  const Artifact first = store.add(request()).value();
  fs::copy(folder / "source", folder / "elsewhere",
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  put("elsewhere/secret.txt", "changed");
  fs::last_write_time(folder / "elsewhere/static/site.css",
                      fs::file_time_type::clock::now() - std::chrono::hours(99));
  PackRequest moved = request();
  moved.root = folder / "elsewhere";
  EXPECT_EQ(store.add(moved).value().digest, first.digest);
  EXPECT_EQ(store.list().value().size(), 1u);
  put("elsewhere/static/site.css", "body { color: red }");
  EXPECT_NE(store.add(moved).value().digest, first.digest);
  EXPECT_EQ(store.list().value().size(), 2u);
}

TEST_F(ArtifactStoreTest, UnpacksWhatWasPacked) {
  ArtifactStore store = open();
  const Artifact artifact = store.add(request()).value();
  const fs::path tree = store.unpacked(artifact.digest).value();
  EXPECT_EQ(read_file(tree / "static/deep/er/x").value(), "x");
  EXPECT_EQ(fs::read_symlink(tree / "static/link.css"), "site.css");
  EXPECT_FALSE(fs::exists(tree / "secret.txt"));
  EXPECT_EQ(::access((tree / "build/visitors").c_str(), X_OK), 0);
  EXPECT_EQ(store.unpacked(artifact.digest).value(), tree);
  EXPECT_THAT(program_folders(tree, request().include), testing::ElementsAre("build"));
}

TEST_F(ArtifactStoreTest, IncludesMustExistAndStayInside) {
  ArtifactStore store = open();
  PackRequest wrong = request();
  wrong.include = {"build/missing"};
  const auto missing = store.add(wrong);
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_THAT(missing.error().message(), HasSubstr("build/missing does not exist"));
  for (const char* outside : {"../source/secret.txt", "/etc/passwd", "static/../../x", ""}) {
    wrong.include = {outside};
    EXPECT_EQ(store.add(wrong).error().code(), Code::kInvalid) << outside;
  }
  wrong.include = {"pipe"};
  ASSERT_EQ(::mkfifo((folder / "source/pipe").c_str(), 0600), 0);
  EXPECT_EQ(store.add(wrong).error().code(), Code::kInvalid);
  EXPECT_TRUE(store.list().value().empty());
}

TEST_F(ArtifactStoreTest, CleanUpKeepsWhatIsReferredToAndWhatIsNotOurs) {
  ArtifactStore store = open();
  const Artifact old = store.add(request()).value();
  ASSERT_TRUE(store.unpacked(old.digest));
  put("source/static/site.css", "body { margin: 0 }");
  const Artifact current = store.add(request()).value();
  ASSERT_TRUE(store.unpacked(current.digest));
  put("store/blobs/sha256/someone-elses", "stays");

  const CleanUp done = store.remove_all_but({current.digest}).value();
  EXPECT_EQ(done.artifacts, 1u);
  EXPECT_GT(done.bytes, 0u);
  EXPECT_TRUE(store.verify(current.digest));
  EXPECT_EQ(read_file(store.unpacked(current.digest).value() / "static/site.css").value(),
            "body { margin: 0 }");
  EXPECT_FALSE(store.verify(old.digest));
  EXPECT_TRUE(fs::exists(folder / "store/blobs/sha256/someone-elses"));
  EXPECT_EQ(store.find(old.digest).error().code(), Code::kNotFound);
}

TEST_F(ArtifactStoreTest, FindsByAnUnambiguousPrefix) {
  ArtifactStore store = open();
  const Artifact artifact = store.add(request()).value();
  EXPECT_EQ(store.find(artifact.digest).value().digest, artifact.digest);
  EXPECT_EQ(store.find(artifact.digest.substr(7, 8)).value().app, "visitors");
  EXPECT_EQ(store.find(artifact.digest.substr(7, 3)).error().code(), Code::kNotFound);
}

TEST_F(ArtifactStoreTest, NoticesDamage) {
  ArtifactStore store = open();
  const Artifact artifact = store.add(request()).value();
  for (const auto& entry : fs::directory_iterator(folder / "store/blobs/sha256")) {
    const std::string before = read_file(entry.path()).value();
    std::string damaged = before;
    damaged[damaged.size() / 2] ^= 1;
    std::ofstream(entry.path()) << damaged;
    EXPECT_EQ(store.verify(artifact.digest).error().code(), Code::kInvalid) << entry.path();
    std::ofstream(entry.path()) << before;
  }
  EXPECT_TRUE(store.verify(artifact.digest));
}

TEST_F(ArtifactStoreTest, TravelsAsOneFile) {
  ArtifactStore store = open();
  const Artifact artifact = store.add(request()).value();
  const fs::path file = folder / "visitors.tar";
  ASSERT_TRUE(store.export_archive(artifact.digest, "visitors:1.0.1", file));
  ArtifactStore other = open("other");
  EXPECT_EQ(other.import_archive(file).value().digest, artifact.digest);
  EXPECT_EQ(other.import_archive(file).value().bytes, artifact.bytes);
  EXPECT_EQ(other.list().value().size(), 1u);
  EXPECT_TRUE(other.verify(artifact.digest));

  std::string bytes = read_file(file).value();
  bytes[bytes.find("visitors") + 4000 < bytes.size() ? bytes.size() - 3000 : bytes.size() / 2] ^= 1;
  std::ofstream(folder / "damaged.tar") << bytes;
  ArtifactStore third = open("third");
  EXPECT_FALSE(third.import_archive(folder / "damaged.tar"));
  EXPECT_TRUE(third.list().value().empty());
  EXPECT_EQ(third.import_archive(folder / "source/secret.txt").error().code(), Code::kInvalid);
}

TEST_F(ArtifactStoreTest, OtherToolsReadIt) {
  ArtifactStore store = open();
  const Artifact artifact = store.add(request()).value();
  const fs::path file = folder / "visitors.tar";
  ASSERT_TRUE(store.export_archive(artifact.digest, "visitors:1.0.1", file));
  const std::string quiet = " >/dev/null 2>&1";
  const std::string hex = artifact.digest.substr(7, 12);
  const auto run = [&](const std::string& command) {
    return std::system((command + quiet).c_str());
  };
  EXPECT_EQ(
      run(fmt::format("skopeo inspect --config oci:{}:visitors-{}", store.folder().string(), hex)),
      0);
  EXPECT_EQ(run(fmt::format("skopeo copy --insecure-policy oci-archive:{} dir:{}/dir",
                            file.string(), folder.string())),
            0);
  EXPECT_EQ(run(fmt::format("skopeo copy --insecure-policy docker-archive:{} dir:{}/dir2",
                            file.string(), folder.string())),
            0);
}

TEST_F(ArtifactStoreTest, ACrashLeavesNoTrace) {
  open();
  put("store/blobs/sha256/.unfinished-1", "half");
  put("store/trees/.unfinished-abc/app/x", "half");
  ArtifactStore store = open();
  EXPECT_FALSE(fs::exists(folder / "store/blobs/sha256/.unfinished-1"));
  EXPECT_FALSE(fs::exists(folder / "store/trees/.unfinished-abc"));
}

TEST_F(ArtifactStoreTest, RefusesLayersThatWouldLeaveTheFolder) {
  const fs::path tar = folder / "evil.tar";
  ASSERT_EQ(
      std::system(
          fmt::format(
              "cd {0}/source && tar --absolute-names --transform 's,^,../../,' -cf {1} secret.txt",
              folder.string(), tar.string())
              .c_str()),
      0);
  ASSERT_TRUE(make_directories(folder / "into/deep"));
  EXPECT_EQ(unpack_layer(tar, folder / "into/deep").error().code(), Code::kInvalid);
  EXPECT_FALSE(fs::exists(folder / "secret.txt"));
}

TEST(Digest, IsWhatSha256sumSays) {
  EXPECT_EQ(digest_of("abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_TRUE(is_digest(digest_of("")));
  EXPECT_FALSE(
      is_digest("sha256:../../../../../../../../../../../../../../../../../etc/passwd000000000"));
}

}  // namespace
}  // namespace fairlead::ship
