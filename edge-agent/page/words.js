// The texts of the page, in Korean and English.

const WORDS = {
  en: {
    title: 'Camera preview',
    all: 'All cameras',
    grid: 'Grid',
    logIn: 'Log in',
    logOut: 'Log out',
    password: 'Password of the preview',
    wrongPassword: 'The password is wrong.',
    tooManyGuesses: 'Too many wrong passwords. Try again in {seconds} s.',
    tooManyViewers: 'As many are watching as may. Close a page on another device.',
    noConnection: 'The gateway does not answer. Trying again.',
    noCameras: 'There is no camera in the configuration.',
    live: 'live',
    stills: 'pictures, one at a time',
    connecting: 'connecting',
    waiting: 'camera does not answer',
    failed: 'camera refuses; see its login and codec',
    stopped: 'stopped',
  },
  ko: {
    title: '카메라 미리보기',
    all: '모든 카메라',
    grid: '격자',
    logIn: '로그인',
    logOut: '로그아웃',
    password: '미리보기 비밀번호',
    wrongPassword: '비밀번호가 올바르지 않습니다.',
    tooManyGuesses: '비밀번호를 너무 많이 틀렸습니다. {seconds}초 후에 다시 시도해 주세요.',
    tooManyViewers: '동시 시청 수를 초과했습니다. 다른 기기의 페이지를 닫아 주세요.',
    noConnection: '게이트웨이가 응답하지 않습니다. 다시 연결하는 중입니다.',
    noCameras: '설정에 카메라가 없습니다.',
    live: '실시간',
    stills: '정지 화면',
    connecting: '연결 중',
    waiting: '카메라가 응답하지 않습니다',
    failed: '카메라가 거부했습니다. 로그인과 코덱을 확인해 주세요',
    stopped: '중지됨',
  },
};

let language = navigator.language.startsWith('ko') ? 'ko' : 'en';

export function word(key, values = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** Fills every element that names its text, and the button that offers the other language. */
export function fillWords() {
  document.documentElement.lang = language;
  document.title = word('title');
  for (const element of document.querySelectorAll('[data-word]'))
    element.textContent = word(element.dataset.word);
  const button = document.getElementById('language');
  button.textContent = language === 'ko' ? 'English' : '한국어';
  button.lang = language === 'ko' ? 'en' : 'ko';
}

export function switchLanguage() {
  language = language === 'ko' ? 'en' : 'ko';
  fillWords();
}
