# SPDX-License-Identifier: ISC
# Stands in for brew, as far as contrib/homebrew needs it: runs a formula's
# install and test with Debian's libraries in the place of Homebrew's.
#
#   ruby brew.rb FORMULA FACTS.json		what it says of itself
#   ruby brew.rb FORMULA CELLAR SOURCE RESOURCE	builds, installs and tests it
#   ruby brew.rb FORMULA CELLAR test		tests what is there
require "fileutils"
require "json"
require "pathname"
require "shellwords"
require "socket"
require "tmpdir"

class Pathname
  alias to_str to_s

  def install(*files)
    mkpath
    FileUtils.cp(files, self)
  end
end

module OS
  def self.linux? = true
  def self.mac? = false
end

def ENV.prepend_path(key, path)
  self[key] = [path.to_s, self[key]].compact.join(":")
end

# Keeps the words that it is told.
class Told
  attr_reader :said

  def initialize(&block)
    @said = {}
    instance_eval(&block)
  end

  def method_missing(name, *words)
    @said[name] = words.length == 1 ? words.first : words
  end

  def respond_to_missing?(*) = true
end

# Words that a service may use, of the formula.
class Service < Told
  def opt_bin = Formula.prefix/"bin"
  def var = Formula.prefix/"var"
end

class Formula
  FACTS = { depends_on: [], uses_from_macos: [], resources: {} }

  class << self
    attr_accessor :prefix, :sources, :tested

    def [](name) = FACTS[name]

    %i[desc homepage url sha256 license].each do |name|
      define_method(name) { |word| FACTS[name] = word }
    end

    def depends_on(what)
      FACTS[:depends_on] << (what.is_a?(Hash) ? what.keys.first : what)
    end

    def uses_from_macos(what) = FACTS[:uses_from_macos] << what
    def on_linux = yield
    def on_macos = nil
    def resource(name, &block) = FACTS[:resources][name] = Told.new(&block).said
    def service(&block) = FACTS[:service] = Service.new(&block).said
    def test(&block) = self.tested = block

    def inherited(formula)
      super
      @@formula = formula
    end

    def formula = @@formula
  end

  def prefix = Formula.prefix
  def bin = prefix/"bin"
  def var = prefix/"var"
  def pkgshare = prefix/"share/orthrus"
  def opt_pkgshare = pkgshare
  def buildpath = @buildpath ||= Pathname(Dir.mktmpdir)
  def testpath = @testpath ||= Pathname(Dir.mktmpdir)
  def version = FACTS[:url][/-(\d+(\.\d+)+)\.tar/, 1]

  # Only once, and in a folder of its own.
  Stage = Struct.new(:file) do
    def stage
      Dir.mktmpdir do |dir|
        unpack(dir)
        Dir.chdir(dir) { yield }
      end
    end

    def unpack(dir)
      Kernel.system("tar", "-xf", file, "-C", dir, "--strip-components=1",
                    exception: true)
    end
  end

  def resource(name)
    raise "no resource #{name}" unless FACTS[:resources].key?(name)

    Stage.new(Formula.sources[1])
  end

  def build
    Stage.new(Formula.sources[0]).unpack(buildpath)
    Dir.chdir(buildpath) { install }
  end

  def run_test
    Dir.chdir(testpath) { instance_exec(&Formula.formula.tested) }
  end

  def system(*words) = Kernel.system(*words.map(&:to_s), exception: true)

  def quiet_system(*words)
    Kernel.system(*words.map(&:to_s), out: File::NULL, err: File::NULL)
  end

  def shell_output(command, status = 0)
    out = `#{command}`
    raise "#{command}: #{$?}" unless $?.exitstatus == status

    out
  end

  def std_cmake_args(install_prefix: prefix)
    ["-DCMAKE_INSTALL_PREFIX=#{install_prefix}", "-DCMAKE_INSTALL_LIBDIR=lib",
     "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_TESTING=OFF", "-Wno-dev"]
  end

  def std_configure_args
    ["--disable-debug", "--disable-dependency-tracking", "--prefix=#{prefix}",
     "--libdir=#{prefix}/lib"]
  end

  def free_port = TCPServer.open("127.0.0.1", 0) { |s| s.addr[1] }

  def assert_match(wanted, text)
    raise "no #{wanted} in #{text}" unless text.match?(wanted)
  end

  def assert_path_exists(path)
    raise "no #{path}" unless Pathname(path).exist?
  end
end

formula, place, *sources = ARGV
Formula.prefix = sources.empty? ? Pathname("/prefix") : Pathname(place)
Formula.sources = sources
load formula
if sources.empty?
  facts = Formula::FACTS.merge(caveats: Formula.formula.new.caveats)
  File.write(place, JSON.generate(facts))
else
  made = Formula.formula.new
  made.build unless sources == ["test"]
  made.run_test
  puts "built, installed and tested"
end
